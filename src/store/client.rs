//! Requests to ClickHouse's HTTP interface: <https://clickhouse.com/docs/interfaces/http>.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, RequestBuilder, Response, header::CONTENT_LENGTH, redirect};
use serde::de::DeserializeOwned;

use super::{error::StoreError, rejected::RejectedEvent};
use crate::{
    config::Secret,
    journal::{COLUMNS, Segment},
};

/// Bound on connecting; a server that is there answers in less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Bound on the smallest of questions.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// Days after which rejected events are deleted, unless it is said otherwise.
const REJECTED_RETENTION_DAYS: u32 = 7;
/// Rows that become one part: more than a segment holds.
const INSERT_BLOCK_ROWS: &str = "1048576";
/// Idle connections are not used again after this time: servers close them, the oldest after 3 s.
const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(2);
/// Bound on one statement of the schema.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How much longer than ClickHouse's own limit to wait for a reply.
const REPLY_GRACE: Duration = Duration::from_secs(2);
/// An error message is read no further.
const MESSAGE_BYTES_MAX: usize = 2048;
/// Every reply of ClickHouse has it; without it, something else answers at the URL.
const QUERY_ID_HEADER: &str = "X-ClickHouse-Query-Id";

/// A user of ClickHouse.
#[derive(Debug, Clone)]
pub struct Login {
    pub user: String,
    pub password: Secret,
}

/// Where ClickHouse is, and the logins to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Base URL, without a slash at the end.
    pub url: String,
    pub database: String,
    /// Creates the schema and inserts.
    pub writer: Login,
    /// Asks the queries.
    pub reader: Login,
}

/// A value bound to `{name:Type}` in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    name: String,
    /// Escaped.
    value: String,
}

impl Parameter {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number, or a text that has no special characters.
    pub fn new(name: impl Into<String>, value: impl ToString) -> Self {
        Self { name: name.into(), value: value.to_string() }
    }

    /// Any text, as a `String`.
    pub fn text(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), value: escaped(text) }
    }

    /// Any texts, as an `Array(String)`.
    pub fn texts<'a>(name: impl Into<String>, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let quoted: Vec<_> = texts.into_iter().map(|text| format!("'{}'", escaped(text))).collect();
        Self { name: name.into(), value: format!("[{}]", quoted.join(",")) }
    }

    /// Numbers, as an `Array` of theirs.
    pub fn numbers<T: ToString>(name: impl Into<String>, numbers: impl IntoIterator<Item = T>) -> Self {
        let numbers: Vec<_> = numbers.into_iter().map(|number| number.to_string()).collect();
        Self { name: name.into(), value: format!("[{}]", numbers.join(",")) }
    }
}

/// ClickHouse reads the value of a parameter as a field of
/// [TabSeparated](https://clickhouse.com/docs/interfaces/formats/TabSeparated#tabseparated-data-formatting), and the texts
/// of an array between quotes.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('\'', r"\'").replace('\0', r"\0");
    text.replace('\t', r"\t").replace('\n', r"\n").replace('\r', r"\r")
}

/// As the URL has them.
fn bound(parameters: &[Parameter]) -> Vec<(String, &str)> {
    parameters.iter().map(|each| (format!("param_{}", each.name), each.value.as_str())).collect()
}

/// Bounds on one query. They are sent with it, so that they hold on every server; the embedded engine's reader can ask for
/// no more time, memory or rows to read (`engine/users.xml`).
#[derive(Debug, Clone)]
pub struct QueryLimits {
    pub time_max: Duration,
    pub memory_bytes_max: u64,
    /// More than many cores read in `time_max`, so a query that cannot end in time need not begin.
    pub rows_read_max: u64,
    /// What is returned is held in memory, here as there.
    pub result_rows_max: u64,
    pub result_bytes_max: u64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            time_max: Duration::from_secs(10),
            memory_bytes_max: 2 * 1024 * 1024 * 1024,
            rows_read_max: 20_000_000_000,
            result_rows_max: 100_000,
            result_bytes_max: 64 * 1024 * 1024,
        }
    }
}

impl QueryLimits {
    fn settings(&self) -> [(&'static str, String); 5] {
        [
            // Whole seconds before 24.6.
            ("max_execution_time", self.time_max.as_secs().max(1).to_string()),
            ("max_memory_usage", self.memory_bytes_max.to_string()),
            ("max_rows_to_read", self.rows_read_max.to_string()),
            ("max_result_rows", self.result_rows_max.to_string()),
            ("max_result_bytes", self.result_bytes_max.to_string()),
        ]
    }
}

/// What an insert brings.
#[derive(Clone, Copy)]
pub enum Rows<'a> {
    Events(&'a Segment),
    Rejected(&'a [RejectedEvent]),
}

/// A ClickHouse server, embedded or not.
#[derive(Clone)]
pub struct Store {
    http: Client,
    endpoint: Endpoint,
    retention_days: u32,
    rejected_retention_days: u32,
    query_limits: QueryLimits,
    insert_sql: String,
}

impl Store {
    pub fn new(endpoint: Endpoint, retention_days: u32) -> Result<Self, StoreError> {
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirected insert would arrive as a GET without its rows.
            .redirect(redirect::Policy::none())
            .pool_idle_timeout(CONNECTION_IDLE_MAX)
            .no_proxy()
            .build()?;
        let columns: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        let insert_sql = format!("INSERT INTO events ({}) FORMAT Native", columns.join(", "));
        let (rejected_retention_days, query_limits) = (REJECTED_RETENTION_DAYS, QueryLimits::default());
        Ok(Self { http, endpoint, retention_days, rejected_retention_days, query_limits, insert_sql })
    }

    /// With other bounds on queries.
    #[must_use]
    pub fn with_query_limits(self, query_limits: QueryLimits) -> Self {
        Self { query_limits, ..self }
    }

    /// With another retention of rejected events.
    #[must_use]
    pub fn with_rejected_retention(self, days: u32) -> Self {
        Self { rejected_retention_days: days, ..self }
    }

    pub fn database(&self) -> &str {
        &self.endpoint.database
    }

    pub fn retention_days(&self) -> u32 {
        self.retention_days
    }

    pub fn rejected_retention_days(&self) -> u32 {
        self.rejected_retention_days
    }

    /// Inserts rows under a token; sending them again changes nothing. `timeout`: from the first byte to the reply.
    pub async fn insert(&self, token: &str, rows: Rows<'_>, timeout: Duration) -> Result<(), StoreError> {
        let (sql, blocks) = match rows {
            Rows::Events(segment) => (self.insert_sql.as_str(), segment.blocks.clone()),
            Rows::Rejected(events) => (RejectedEvent::INSERT_SQL, vec![RejectedEvent::encode(events)]),
        };
        let length: usize = blocks.iter().map(Bytes::len).sum();
        let blocks = blocks.into_iter().map(Ok::<_, std::convert::Infallible>);
        let request = self
            .request(&self.endpoint.writer)
            .query(&[
                ("database", self.endpoint.database.as_str()),
                ("query", sql),
                ("insert_deduplication_token", token),
                ("insert_deduplicate", "1"),
                // Weir batches; ClickHouse must have the rows when it answers.
                ("async_insert", "0"),
                // How a body is cut into parts must not change between attempts: the token counts the parts.
                ("min_insert_block_size_rows", INSERT_BLOCK_ROWS),
                ("min_insert_block_size_bytes", "0"),
                // With a long retention a batch may span many months. Refused for that, it would be refused for ever.
                ("max_partitions_per_insert_block", "0"),
            ])
            .header(CONTENT_LENGTH, length)
            .timeout(timeout)
            .body(reqwest::Body::wrap_stream(futures_util::stream::iter(blocks)));
        let reply = checked(request.send().await?).await?;
        let is_clickhouse = reply.headers().contains_key(QUERY_ID_HEADER);
        let body = reply.bytes().await?;
        match body.is_empty() {
            true if is_clickhouse => Ok(()),
            // To take it for success could cost the rows.
            true => {
                Err(StoreError::Transient(format!("what answers is not ClickHouse: it sends no {QUERY_ID_HEADER}")))
            }
            // An exception after the status line went out; some versions send it in the body of a 200.
            false => Err(StoreError::from_message(200, None, &String::from_utf8_lossy(&body))),
        }
    }

    /// Whether anything answers, be it with an error.
    pub async fn is_reachable(&self) -> bool {
        let request = self.request(&self.endpoint.writer).timeout(PING_TIMEOUT).body("SELECT 1");
        request.send().await.is_ok()
    }

    /// Runs one statement that returns nothing.
    pub async fn execute(&self, statement: &str, in_database: bool) -> Result<(), StoreError> {
        self.execute_within(statement, in_database, STATEMENT_TIMEOUT).await
    }

    pub(super) async fn execute_within(
        &self,
        statement: &str,
        in_database: bool,
        timeout: Duration,
    ) -> Result<(), StoreError> {
        let mut request = self.request(&self.endpoint.writer).timeout(timeout);
        if in_database {
            request = request.query(&[("database", self.endpoint.database.as_str())]);
        }
        checked(request.body(statement.to_owned()).send().await?).await?;
        Ok(())
    }

    /// Runs one statement with bound parameters. Rows that it inserts are there when it returns; a mutation goes on.
    pub(super) async fn execute_with(&self, statement: &str, parameters: &[Parameter]) -> Result<(), StoreError> {
        let request = self
            .request(&self.endpoint.writer)
            .query(&[("database", self.endpoint.database.as_str()), ("async_insert", "0")])
            .query(&bound(parameters))
            .timeout(STATEMENT_TIMEOUT)
            .body(statement.to_owned());
        checked(request.send().await?).await?;
        Ok(())
    }

    /// Asks for rows. Times come as RFC 3339 in UTC, numbers as numbers.
    pub async fn query<T: DeserializeOwned>(&self, sql: &str, parameters: &[Parameter]) -> Result<Vec<T>, StoreError> {
        self.ask(&self.endpoint.reader, sql, parameters).await
    }

    /// Asks for many rows, as blocks of columns in `Native`. They come in pieces: `take` is given what there is and says how
    /// many bytes of it were whole blocks. More than `rows_max` rows are an error.
    pub async fn read(
        &self,
        sql: &str,
        parameters: &[Parameter],
        rows_max: u64,
        mut take: impl FnMut(&[u8]) -> usize,
    ) -> Result<(), StoreError> {
        // Not held in memory, other than the rows of an answer.
        let limits = QueryLimits { result_rows_max: rows_max, result_bytes_max: u64::MAX, ..self.query_limits.clone() };
        let question = self.question(&self.endpoint.reader, sql, parameters, "Native", &limits);
        let mut reply = answered(question).await?;
        let mut rest = Vec::new();
        while let Some(piece) = reply.chunk().await? {
            rest.extend_from_slice(&piece);
            let taken = take(&rest);
            rest.drain(..taken);
        }
        match rest.is_empty() {
            true => Ok(()),
            false => Err(StoreError::from_message(200, None, "unreadable reply: it ends within a block")),
        }
    }

    /// The same of ClickHouse's own tables, which the reader does not see.
    pub(super) async fn query_as_writer<T: DeserializeOwned>(
        &self,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<T>, StoreError> {
        self.ask(&self.endpoint.writer, sql, parameters).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        login: &Login,
        sql: &str,
        parameters: &[Parameter],
    ) -> Result<Vec<T>, StoreError> {
        let question = self.question(login, sql, parameters, "JSONEachRow", &self.query_limits);
        let reply = answered(question).await?.bytes().await?;
        let rows = serde_json::Deserializer::from_slice(&reply).into_iter().collect::<Result<_, _>>();
        rows.map_err(|error| StoreError::from_message(200, None, &format!("unreadable reply: {error}")))
    }

    fn question(
        &self,
        login: &Login,
        sql: &str,
        parameters: &[Parameter],
        format: &str,
        limits: &QueryLimits,
    ) -> RequestBuilder {
        self.request(login)
            .query(&[
                ("database", self.endpoint.database.as_str()),
                ("default_format", format),
                ("date_time_output_format", "iso"),
                ("output_format_json_quote_64bit_integers", "0"),
                // Changes nothing, whoever asks; without it, a user who may write is not cancelled by what follows.
                ("readonly", "2"),
                // A viewer who has gone must not keep ClickHouse busy.
                ("cancel_http_readonly_queries_on_client_close", "1"),
                // An error while the rows are computed becomes a status, not a broken reply.
                ("wait_end_of_query", "1"),
                // What is asked for the fourth time is compiled otherwise, which takes 50 to 100 ms; nothing here runs long enough to win that back.
                ("compile_expressions", "0"),
                ("compile_aggregate_expressions", "0"),
                ("compile_sort_description", "0"),
            ])
            .query(&limits.settings())
            .query(&bound(parameters))
            .timeout(limits.time_max + REPLY_GRACE)
            .body(sql.to_owned())
    }

    fn request(&self, login: &Login) -> RequestBuilder {
        self.http
            .post(format!("{}/", self.endpoint.url))
            .header("X-ClickHouse-User", &login.user)
            .header("X-ClickHouse-Key", login.password.expose())
    }
}

/// Sends a question. ClickHouse plans it with the rollups that there are and refuses it, rarely, when one is dropped before it is read,
/// as while rollups are rebuilt; asked again, it is planned without.
async fn answered(question: RequestBuilder) -> Result<Response, StoreError> {
    let again = question.try_clone().expect("a question is text");
    match checked(question.send().await?).await {
        Err(error) if error.is_lost_rollup() => checked(again.send().await?).await,
        outcome => outcome,
    }
}

/// The reply if it is a success, else the exception it carries.
async fn checked(mut response: Response) -> Result<Response, StoreError> {
    let code = response.headers().get("X-ClickHouse-Exception-Code");
    let code = code.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    if response.status().is_success() && code.is_none() {
        return Ok(response);
    }
    let mut message = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        message.extend_from_slice(&chunk);
        if message.len() >= MESSAGE_BYTES_MAX {
            message.truncate(MESSAGE_BYTES_MAX);
            break;
        }
    }
    Err(StoreError::from_message(response.status().as_u16(), code, &String::from_utf8_lossy(&message)))
}
