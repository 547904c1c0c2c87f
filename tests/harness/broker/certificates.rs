//! Certificates for brokers that speak TLS, made by the `openssl` command in a test's folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Extensions by the part that a certificate plays.
const PARTS: &str = "[req]\n\
    distinguished_name = name\n\
    [name]\n\
    [authority]\n\
    basicConstraints = critical, CA:TRUE\n\
    keyUsage = critical, keyCertSign, cRLSign\n\
    [server]\n\
    basicConstraints = critical, CA:FALSE\n\
    extendedKeyUsage = serverAuth\n\
    subjectAltName = IP:127.0.0.1, DNS:localhost\n\
    [client]\n\
    basicConstraints = critical, CA:FALSE\n\
    extendedKeyUsage = clientAuth\n";

/// An authority of a test's own, and the folder in which its certificates are.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Authority {
    /// A new authority whose files are in `folder`, which is made.
    pub fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a test's own folder is writable");
        fs::write(folder.join("parts"), PARTS).expect("a test's own folder is writable");
        let authority = Self { folder: folder.to_owned() };
        authority.make("authority", "Warren's tests", &[]);
        authority
    }

    /// The file to trust it by.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A certificate for a server on loopback.
    pub fn server(&self) -> Certificate {
        self.signed("server", "localhost")
    }

    /// A certificate for a client of this name.
    pub fn client(&self, name: &str) -> Certificate {
        self.signed("client", name)
    }

    fn signed(&self, part: &str, name: &str) -> Certificate {
        let (authority, key) = (self.certificate(), self.folder.join("authority.key"));
        self.make(part, name, &["-CA", &authority.to_string_lossy(), "-CAkey", &key.to_string_lossy()]);
        Certificate {
            certificate: self.folder.join(format!("{part}.pem")),
            key: self.folder.join(format!("{part}.key")),
        }
    }

    fn make(&self, part: &str, name: &str, signer: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
        command.args(["-config", "parts", "-extensions", part, "-days", "2", "-subj", &format!("/CN={name}")]);
        command.args(["-keyout", &format!("{part}.key"), "-out", &format!("{part}.pem")]).args(signer);
        let output = command
            .current_dir(&self.folder)
            .output()
            .expect("the openssl command makes certificates and is not installed\nhint: apt-get install openssl");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}
