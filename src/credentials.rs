//! `weir key`, `weir token`, `weir link` and `weir password`: who may do what, managed from the command line.
//!
//! In: the credentials in ClickHouse. Out: a new secret on stdout, this once, or a line for each credential. A running Weir
//! knows of a change within seconds.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::{
    access::{Access, CreateError, CredentialInfo, Purpose, REFRESH_INTERVAL, Scope, SharedPage},
    app::AppError,
    clock::Clock,
    config::{Config, Secret},
    offline::with_store,
};

/// What can be done with write keys.
#[derive(Debug, clap::Subcommand)]
pub enum KeyCommand {
    /// Make a key that sends events and nothing else, and print it this once.
    ///
    /// Clients send it as `Authorization: Bearer wk_…`, as the user name of Basic authentication, as `X-Write-Key`, or as
    /// `?write_key=` with a beacon. It may sit in a web page: it reads nothing.
    Create {
        /// For people: 1 to 100 characters
        name: String,
        /// Web origin whose pages may send with it, like https://app.example.com; * is all. May be repeated. None: for servers
        #[arg(long, value_name = "ORIGIN")]
        origin: Vec<String>,
        /// Events that it may send each second; more are answered 429 with Retry-After. Without it, as many as come
        #[arg(long, value_name = "N")]
        events_per_second: Option<u32>,
        /// Days until it expires. Without it, it does not
        #[arg(long, value_name = "N")]
        days: Option<u32>,
    },
    /// Print the keys, without their secrets
    List,
    /// Revoke a key by its id; every node refuses it within seconds
    Revoke { id: String },
}

/// What can be done with API tokens.
#[derive(Debug, clap::Subcommand)]
pub enum TokenCommand {
    /// Make a token for scripts, and print it this once.
    ///
    /// Scripts send it as `Authorization: Bearer at_…` to the dashboard's API, and to /metrics.
    Create {
        /// For people: 1 to 100 characters
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value = "read")]
        scope: Scope,
        /// Days until it expires. Without it, it does not
        #[arg(long, value_name = "N")]
        days: Option<u32>,
    },
    /// Print the tokens, without their secrets
    List,
    /// Revoke a token by its id; every node refuses it within seconds
    Revoke { id: String },
}

/// What can be done with share links.
#[derive(Debug, clap::Subcommand)]
pub enum LinkCommand {
    /// Make a link that shows one page to whoever has it, and print its path this once.
    Create {
        /// For people: 1 to 100 characters
        name: String,
        /// Path and query of the page, like '/errors?range=24h' or '/?wall'
        page: String,
        /// Days until it expires
        #[arg(long, value_name = "N", default_value_t = 7)]
        days: u32,
    },
    /// Print the links, without their secrets
    List,
    /// Revoke a link by its id; every node refuses it within seconds
    Revoke { id: String },
}

/// What a command is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    Token,
    Link,
}

impl Kind {
    fn holds(self, info: &CredentialInfo) -> bool {
        match info.purpose {
            Purpose::WriteKey { .. } => self == Self::Key,
            Purpose::Token { .. } => self == Self::Token,
            Purpose::ShareLink { .. } => self == Self::Link,
            Purpose::Session => false,
        }
    }
}

pub async fn run_key(command: KeyCommand, config: &Config) -> Result<(), AppError> {
    match command {
        KeyCommand::Create { name, origin, events_per_second, days } => {
            create(&name, Purpose::WriteKey { origins: origin, events_per_second }, days, config).await
        }
        KeyCommand::List => list(Kind::Key, config).await,
        KeyCommand::Revoke { id } => revoke(Kind::Key, &id, config).await,
    }
}

pub async fn run_token(command: TokenCommand, config: &Config) -> Result<(), AppError> {
    match command {
        TokenCommand::Create { name, scope, days } => create(&name, Purpose::Token { scope }, days, config).await,
        TokenCommand::List => list(Kind::Token, config).await,
        TokenCommand::Revoke { id } => revoke(Kind::Token, &id, config).await,
    }
}

pub async fn run_link(command: LinkCommand, config: &Config) -> Result<(), AppError> {
    match command {
        LinkCommand::Create { name, page, days } => {
            let page = SharedPage::new(page).map_err(|error| AppError::Usage(error.to_string()))?;
            create(&name, Purpose::ShareLink { page }, Some(days), config).await
        }
        LinkCommand::List => list(Kind::Link, config).await,
        LinkCommand::Revoke { id } => revoke(Kind::Link, &id, config).await,
    }
}

/// Reads a new password, sets it, and ends all sessions.
pub async fn run_password(config: &Config) -> Result<(), AppError> {
    let password = read_password()?;
    with_access(config, async |access| {
        access.set_password(password).await?;
        println!("The password is changed, and whoever was signed in is so no longer.");
        Ok(())
    })
    .await
}

/// Of a terminal it is shown as it is typed; from a file or another program it comes as one line.
fn read_password() -> Result<Secret, AppError> {
    if io::stdin().is_terminal() {
        print!("New password: ");
        io::stdout().flush()?;
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

async fn create(name: &str, purpose: Purpose, days: Option<u32>, config: &Config) -> Result<(), AppError> {
    with_access(config, async |access| {
        let is_link = matches!(purpose, Purpose::ShareLink { .. });
        let (info, secret) = access.create(name, purpose, days).await?;
        println!("{}{}", if is_link { "/share/" } else { "" }, secret.expose());
        let seconds = REFRESH_INTERVAL.as_secs();
        eprintln!("{info}\nIt is shown this once. Every node knows it within {seconds} s.");
        Ok(())
    })
    .await
}

async fn list(kind: Kind, config: &Config) -> Result<(), AppError> {
    with_access(config, async |access| {
        access.refresh().await?;
        for info in access.list().into_iter().filter(|info| kind.holds(info)) {
            println!("{info}");
        }
        Ok(())
    })
    .await
}

async fn revoke(kind: Kind, id: &str, config: &Config) -> Result<(), AppError> {
    with_access(config, async |access| {
        access.refresh().await?;
        let is_there = access.list().iter().any(|info| info.id == id && kind.holds(info));
        if !is_there || !access.revoke(id).await? {
            return Err(AppError::Usage(format!("there is none with the id {id:?}; `list` shows those there are")));
        }
        println!("Revoked. Every node refuses it within {} s.", REFRESH_INTERVAL.as_secs());
        Ok(())
    })
    .await
}

async fn with_access(config: &Config, work: impl AsyncFnOnce(&Access) -> Result<(), AppError>) -> Result<(), AppError> {
    with_store(config, async |store| {
        store.ensure_schema().await?;
        work(Access::new(store, Clock::System, None)?.as_ref()).await
    })
    .await
}

impl From<CreateError> for AppError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => Self::Store(error),
            other => Self::Usage(other.to_string()),
        }
    }
}
