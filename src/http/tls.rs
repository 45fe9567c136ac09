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
    /// The content of both files that was looked at last.
    seen: Mutex<[Vec<u8>; 2]>,
}

impl Tls {
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let seen = read(&certificate, &key)?;
        let current = server_config(&certificate, &key, &seen)?;
        Ok(Self { certificate, key, current: ArcSwap::from_pointee(current), seen: Mutex::new(seen) })
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
        // While a file is replaced it may be missing for a moment.
        let Ok(found) = read(&self.certificate, &self.key) else { return Ok(false) };
        if *seen == found {
            return Ok(false);
        }
        seen.clone_from(&found);
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
