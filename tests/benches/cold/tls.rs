//! `DynamoDB` behind TLS, with a chain of certificates as AWS has it: root, intermediate and leaf, RSA of 2,048 bits.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::scene::Subject;

/// A server that takes TLS off and passes on the rest.
pub struct Tls {
    url: String,
    folder: TempDir,
}

impl Tls {
    /// A server in front of this `http://` address.
    pub async fn before(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        certify(folder.path());
        let file = |name: &str| folder.path().join(name);
        let chain = ["leaf.pem", "intermediate.pem"];
        let chain = chain.map(|name| CertificateDer::from_pem_file(file(name)).unwrap());
        let key = PrivateKeyDer::from_pem_file(file("leaf.key")).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.to_vec(), key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let behind = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = TcpStream::connect(behind).await?;
                    copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
        Self {
            url: format!("https://{address}"),
            folder,
        }
    }

    /// The same function, with this server for its `DynamoDB`.
    pub fn of(&self, subject: &Subject) -> Subject {
        let mut subject = subject.clone();
        let root = self.folder.path().join("root.pem");
        let root = root.to_str().unwrap().to_owned();
        subject.set("AWS_ENDPOINT_URL_DYNAMODB", self.url.clone());
        subject.set("AWS_CA_BUNDLE", root);
        subject
    }
}

/// Makes the three certificates and their keys.
fn certify(folder: &Path) {
    let above = [
        ("root", None, "CA:TRUE"),
        ("intermediate", Some("root"), "CA:TRUE"),
        ("leaf", Some("intermediate"), "CA:FALSE"),
    ];
    for (name, issuer, constraints) in above {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(folder)
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", &format!("/CN={name}")])
            .args([
                "-addext",
                &format!("basicConstraints=critical,{constraints}"),
            ])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args([
                "-keyout",
                &format!("{name}.key"),
                "-out",
                &format!("{name}.pem"),
            ])
            .stderr(Stdio::null());
        if let Some(issuer) = issuer {
            openssl.args([
                "-CA",
                &format!("{issuer}.pem"),
                "-CAkey",
                &format!("{issuer}.key"),
            ]);
        }
        assert!(openssl.status().unwrap().success(), "openssl: {name}");
    }
}
