//! Object storage that a test can talk to over HTTP: S3 in this process, Azure's emulator beside it.

use std::{net::SocketAddr, process::Stdio, sync::Arc, time::Duration};

use base64::Engine;
use object_store::{ObjectStore, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder};
use smidge::store::use_ring;

const KEY: &str = "SMIDGEKEY";
const SECRET: &str = "smidge-secret";
const BUCKET: &str = "updates";
/// Public: the same in every installation of Azure's emulator.
const ACCOUNT_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An S3 server that checks signatures. It stops with the runtime that it was started in.
pub struct S3 {
    address: SocketAddr,
    _files: tempfile::TempDir,
}

impl S3 {
    pub async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        std::fs::create_dir(files.path().join(BUCKET)).unwrap();
        let mut builder = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(files.path()).unwrap());
        builder.set_auth(s3s::auth::SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let connection = hyper_util::rt::TokioIo::new(connection);
                    let executor = hyper_util::rt::TokioExecutor::new();
                    let server = hyper_util::server::conn::auto::Builder::new(executor);
                    let _ = server.serve_connection(connection, service).await;
                });
            }
        });
        Self { address, _files: files }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a program finds in its environment to reach the server.
    #[allow(dead_code, reason = "only tests of the command line start programs")]
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }

    pub fn storage(&self) -> Arc<dyn ObjectStore> {
        self.storage_with(SECRET)
    }

    pub fn storage_with_wrong_key(&self) -> Arc<dyn ObjectStore> {
        self.storage_with("another-secret")
    }

    fn storage_with(&self, secret: &str) -> Arc<dyn ObjectStore> {
        use_ring();
        let builder = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(BUCKET)
            .with_access_key_id(KEY)
            .with_secret_access_key(secret);
        Arc::new(builder.build().unwrap())
    }
}

/// Azure's emulator, azurite; stopped when dropped.
pub struct Azure {
    process: std::process::Child,
    port: u16,
    _files: tempfile::TempDir,
}

impl Azure {
    /// `None`, with a message, where `azurite-blob` is neither on the path nor named by `AZURITE_BLOB`.
    pub async fn start() -> Option<Self> {
        let files = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let program = std::env::var_os("AZURITE_BLOB").unwrap_or_else(|| "azurite-blob".into());
        let started = std::process::Command::new(program)
            .args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"])
            .args(["--blobPort", &port.to_string(), "--location"])
            .arg(files.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(process) = started else {
            eprintln!("skipped: this takes azurite (npm install -g azurite, or AZURITE_BLOB=path of azurite-blob)");
            return None;
        };
        let this = Self { process, port, _files: files };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                this.make_container().await;
                return Some(this);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("azurite was started, but does not answer");
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/devstoreaccount1", self.port)
    }

    /// The one request that the interface of objects does not have, with a signature that the emulator's fixed key gives.
    async fn make_container(&self) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let engine = base64::engine::general_purpose::STANDARD;
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &engine.decode(ACCOUNT_KEY).unwrap());
        let (date, version) = ("Mon, 23 Nov 2026 12:00:00 GMT", "2021-08-06");
        let resource = format!("/devstoreaccount1/devstoreaccount1/{BUCKET}\nrestype:container");
        let headers = format!("x-ms-date:{date}\nx-ms-version:{version}\n");
        let signed = format!("PUT{}{headers}{resource}", "\n".repeat(12));
        let signature = engine.encode(ring::hmac::sign(&key, signed.as_bytes()));
        let request = format!(
            "PUT /devstoreaccount1/{BUCKET}?restype=container HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\
             x-ms-date: {date}\r\nx-ms-version: {version}\r\nConnection: close\r\n\
             Authorization: SharedKey devstoreaccount1:{signature}\r\n\r\n"
        );
        let mut connection = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    pub fn storage(&self) -> Arc<dyn ObjectStore> {
        use_ring();
        let builder = MicrosoftAzureBuilder::new()
            .with_account("devstoreaccount1")
            .with_access_key(ACCOUNT_KEY)
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_container_name(BUCKET);
        Arc::new(builder.build().unwrap())
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
