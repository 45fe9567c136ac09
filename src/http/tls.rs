//! TLS by rustls: the certificate of the listeners, read again when its files change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
};

/// How soon a new certificate is taken.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("{0}: no certificate in PEM form: {1}")]
    Certificate(String, pem::Error),
    #[error("{0}: no private key in PEM form: {1}")]
    Key(String, pem::Error),
    #[error("{certificate} and {key} cannot be used together: {source}")]
    Pair { certificate: String, key: String, source: rustls::Error },
}

/// A certificate and its key, as the files had them when they were last in order.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
    seen: Mutex<Seen>,
}

/// What the looks at the files have found.
struct Seen {
    /// The content of both, when they could be read last.
    files: [Vec<u8>; 2],
    /// Looks since then.
    unreadable_count: u32,
}

/// While a file is replaced it may be missing for a moment: that is no error before the second look.
const UNREADABLE_TOLD_AT: u32 = 2;

impl Tls {
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let files = read(&certificate, &key)?;
        let current = server_config(&certificate, &key, &files)?;
        let seen = Mutex::new(Seen { files, unreadable_count: 0 });
        Ok(Self { certificate, key, current: ArcSwap::from_pointee(current), seen })
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }

    /// Looks every few seconds for other files, and does not end. A connection keeps the certificate it began with.
    pub async fn follow(&self) {
        loop {
            tokio::time::sleep(REFRESH_INTERVAL).await;
            match self.reload() {
                Ok(true) => tracing::info!("new connections get the new certificate"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the new certificate cannot be used; the one before stays"),
            }
        }
    }

    /// Whether there is a new one. What cannot be used is an error once.
    fn reload(&self) -> Result<bool, TlsError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match read(&self.certificate, &self.key) {
            Ok(found) => found,
            Err(error) => {
                seen.unreadable_count = seen.unreadable_count.saturating_add(1);
                return if seen.unreadable_count == UNREADABLE_TOLD_AT { Err(error) } else { Ok(false) };
            }
        };
        seen.unreadable_count = 0;
        if seen.files == found {
            return Ok(false);
        }
        seen.files.clone_from(&found);
        self.current.store(Arc::new(server_config(&self.certificate, &self.key, &found)?));
        Ok(true)
    }
}

fn read(certificate: &Path, key: &Path) -> Result<[Vec<u8>; 2], TlsError> {
    let read = |path: &Path| fs::read(path).map_err(|error| TlsError::File(path.display().to_string(), error));
    Ok([read(certificate)?, read(key)?])
}

fn server_config(
    certificate_path: &Path,
    key_path: &Path,
    [certificate, key]: &[Vec<u8>; 2],
) -> Result<ServerConfig, TlsError> {
    let (certificate_path, key_path) = (certificate_path.display().to_string(), key_path.display().to_string());
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) });
    let chain = chain.map_err(|error| TlsError::Certificate(certificate_path.clone(), error))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(key_path.clone(), error))?;
    let pair = |source| TlsError::Pair { certificate: certificate_path.clone(), key: key_path.clone(), source };
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
pub(super) mod tests {
    use rcgen::CertifiedKey;
    use tokio::io::DuplexStream;
    use tokio_rustls::{TlsConnector, client, rustls::ClientConfig, rustls::RootCertStore, server};

    use super::*;

    /// A certificate in files of its own.
    pub struct Files {
        directory: tempfile::TempDir,
    }

    impl Files {
        pub fn new() -> Self {
            let files = Self { directory: tempfile::tempdir().expect("a directory") };
            files.renew();
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        fn renew(&self) -> CertificateDer<'static> {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
            let CertifiedKey { cert, signing_key } = made;
            fs::write(self.path("cert.pem"), cert.pem()).expect("written");
            fs::write(self.path("key.pem"), signing_key.serialize_pem()).expect("written");
            cert.der().clone()
        }

        pub fn load(&self) -> Result<Tls, TlsError> {
            Tls::load(self.path("cert.pem"), self.path("key.pem"))
        }
    }

    /// Both ends of a line that takes so many bytes at once, after the handshake.
    pub async fn connected(line_bytes: usize) -> (server::TlsStream<DuplexStream>, client::TlsStream<DuplexStream>) {
        let files = Files::new();
        let mut trusted = RootCertStore::empty();
        trusted.add(files.renew()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("versions");
        let client = builder.with_root_certificates(trusted).with_no_client_auth();
        let (server_end, client_end) = tokio::io::duplex(line_bytes);
        let acceptor = files.load().expect("a certificate").acceptor();
        let name = "localhost".try_into().expect("a name");
        let connector = TlsConnector::from(Arc::new(client));
        tokio::try_join!(acceptor.accept(server_end), connector.connect(name, client_end)).expect("a handshake")
    }

    #[test]
    fn what_cannot_be_used_is_told_once_and_the_certificate_stays() {
        let files = Files::new();
        let tls = files.load().expect("a certificate");
        let current = tls.current.load_full();
        let stays = |told: &str| {
            let error = (0..5).filter_map(|_| tls.reload().err().map(|error| error.to_string())).collect::<Vec<_>>();
            assert!(matches!(&error[..], [only] if only.contains(told)), "{error:?} instead of one with {told:?}");
            assert!(Arc::ptr_eq(&current, &tls.current.load_full()), "{told}");
        };
        let key = fs::read(files.path("key.pem")).expect("a key");
        fs::write(files.path("key.pem"), "no key").expect("written");
        stays("no private key");
        files.renew();
        fs::write(files.path("key.pem"), &key).expect("written");
        stays("cannot be used together");
        fs::remove_file(files.path("key.pem")).expect("removed");
        stays("key.pem: No such file");
        files.renew();
        assert!(tls.reload().expect("it is in order"));
        assert!(!tls.reload().expect("it is in order"), "it is the one that is used");
    }

    #[test]
    fn a_file_that_is_missing_for_a_moment_is_nothing_to_tell() {
        let files = Files::new();
        let tls = files.load().expect("a certificate");
        for _ in 0..3 {
            fs::rename(files.path("cert.pem"), files.path("aside.pem")).expect("moved");
            assert!(!tls.reload().expect("it may be replaced"));
            fs::rename(files.path("aside.pem"), files.path("cert.pem")).expect("moved");
            assert!(!tls.reload().expect("it is as it was"));
        }
    }
}
