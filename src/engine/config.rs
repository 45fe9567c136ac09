//! The engine's two configuration files, rendered from `config.xml` and `users.xml` beside this file.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::{config::Secret, store::Endpoint};

/// Where everything of one engine lies, below its data directory.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The data directory itself, which holds the lock.
    pub root: PathBuf,
    /// The configuration, with the path of `users` in it.
    pub config: PathBuf,
    /// The users, with their passwords.
    pub users: PathBuf,
    /// Warnings and errors of the engine, rotated by it.
    pub log: PathBuf,
    /// What the process printed since it was last started: why it did not start, or how it died.
    pub output: PathBuf,
}

impl Layout {
    /// Names the files below `root`, which is absolute: the engine runs in a directory of its own.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            config: root.join("config.xml"),
            users: root.join("users.xml"),
            log: root.join("engine.log"),
            output: root.join("engine.out"),
            root,
        }
    }

    /// Makes the data directory, for the owner alone.
    pub(super) fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
        // It may be older than this program, with the mode of its time.
        fs::set_permissions(&self.root, fs::Permissions::from_mode(0o700))
    }

    /// Writes both configuration files, for the owner alone.
    pub(super) fn write(&self, endpoint: &Endpoint, ping: &str) -> io::Result<()> {
        write_private(&self.config, &self.render_config(endpoint, ping))?;
        write_private(&self.users, &render_users(endpoint))
    }

    fn render_config(&self, endpoint: &Endpoint, ping: &str) -> String {
        render(
            include_str!("config.xml"),
            &[
                ("log", &self.log.to_string_lossy()),
                ("users", &self.users.to_string_lossy()),
                ("ping", ping),
                ("writer", &endpoint.writer.user),
                ("reader", &endpoint.reader.user),
            ],
        )
    }
}

/// The password that [`Layout::write`] gave a user, which is made of letters and digits.
pub(super) fn password_of(user: &str, users: &str) -> Option<Secret> {
    let (_, of_user) = users.split_once(&format!("<{user}>"))?;
    let (_, password) = of_user.split_once("<password>")?;
    let (password, _) = password.split_once("</password>")?;
    Some(Secret::new(password))
}

fn render_users(endpoint: &Endpoint) -> String {
    render(
        include_str!("users.xml"),
        &[
            ("writer", &endpoint.writer.user),
            ("writer_password", endpoint.writer.password.expose()),
            ("reader", &endpoint.reader.user),
            ("reader_password", endpoint.reader.password.expose()),
            ("database", &quote_identifier(&endpoint.database)),
        ],
    )
}

/// Puts each value, escaped, in the place of its name in braces.
fn render(template: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), &escape_xml(value)))
}

fn escape_xml(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

/// Source: <https://clickhouse.com/docs/sql-reference/syntax#identifiers>.
fn quote_identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// Replaces the file instead of writing into it, so that no reader sees half of it and an old mode does not stay.
fn write_private(path: &Path, content: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(content.as_bytes())?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_filled() {
        let layout = Layout::new(PathBuf::from("/data/engine"));
        let endpoint = crate::engine::random_endpoint(8123, "weir");
        for rendered in [layout.render_config(&endpoint, "nonce"), render_users(&endpoint)] {
            assert!(!rendered.contains(['{', '}']), "{rendered}");
        }
    }

    #[test]
    fn values_cannot_break_out_of_their_element() {
        let users = render_users(&crate::engine::random_endpoint(8123, "a`</query>&b\\"));
        assert!(users.contains(r"<query>GRANT SELECT ON `a\`&lt;/query&gt;&amp;b\\`.*</query>"), "{users}");
    }

    #[test]
    fn the_passwords_can_be_read_again() {
        let endpoint = crate::engine::random_endpoint(8123, "weir");
        let users = render_users(&endpoint);
        for login in [&endpoint.writer, &endpoint.reader] {
            assert_eq!(password_of(&login.user, &users).as_ref(), Some(&login.password));
        }
        assert_eq!(password_of("nobody", &users), None);
    }

    #[test]
    fn the_files_with_the_passwords_are_for_the_owner_alone() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::new(root.path().join("engine"));
        fs::create_dir(&layout.root).expect("a directory with the usual mode");
        fs::write(&layout.users, "").expect("a file with the usual mode");
        layout.create().expect("the directory");
        layout.write(&crate::engine::random_endpoint(8123, "weir"), "nonce").expect("the files");
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(&layout.root), mode(&layout.config), mode(&layout.users)), (0o700, 0o600, 0o600));
    }

    #[test]
    fn passwords_do_not_show_in_debug_output() {
        let endpoint = crate::engine::random_endpoint(8123, "weir");
        let shown = format!("{endpoint:?}");
        assert!(shown.contains("***") && !shown.contains(endpoint.writer.password.expose()), "{shown}");
    }
}
