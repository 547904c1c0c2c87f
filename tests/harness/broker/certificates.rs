//! Certificates for brokers and sites that speak TLS, made by the `openssl` command in a test's folder.

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
    [elsewhere]\n\
    basicConstraints = critical, CA:FALSE\n\
    extendedKeyUsage = serverAuth\n\
    subjectAltName = DNS:elsewhere.example\n\
    [client]\n\
    basicConstraints = critical, CA:FALSE\n\
    extendedKeyUsage = clientAuth\n\
    [ca]\n\
    default_ca = past\n\
    [past]\n\
    database = past.index\n\
    serial = past.serial\n\
    new_certs_dir = .\n\
    default_md = sha256\n\
    policy = any\n\
    [any]\n\
    commonName = supplied\n";

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

    /// A certificate for a server that is not on loopback.
    pub fn elsewhere(&self) -> Certificate {
        self.signed("elsewhere", "elsewhere.example")
    }

    /// A certificate for a server on loopback that no authority signed.
    pub fn self_signed(&self) -> Certificate {
        self.make("server", "localhost", &[]);
        self.pair("server")
    }

    /// A certificate for a server on loopback that was good for one day of the past.
    pub fn expired(&self) -> Certificate {
        fs::write(self.folder.join("past.index"), "").expect("a test's own folder is writable");
        fs::write(self.folder.join("past.serial"), "01").expect("a test's own folder is writable");
        self.openssl(
            &["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
            |command| {
                command.args([
                    "-config",
                    "parts",
                    "-subj",
                    "/CN=localhost",
                    "-keyout",
                    "expired.key",
                    "-out",
                    "expired.csr",
                ]);
            },
        );
        self.openssl(&["ca", "-batch", "-notext", "-config", "parts", "-extensions", "server"], |command| {
            command.args(["-cert", "authority.pem", "-keyfile", "authority.key"]);
            command.args(["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]);
            command.args(["-in", "expired.csr", "-out", "expired.pem"]);
        });
        self.pair("expired")
    }

    /// A certificate for a client of this name.
    pub fn client(&self, name: &str) -> Certificate {
        self.signed("client", name)
    }

    fn signed(&self, part: &str, name: &str) -> Certificate {
        let (authority, key) = (self.certificate(), self.folder.join("authority.key"));
        self.make(part, name, &["-CA", &authority.to_string_lossy(), "-CAkey", &key.to_string_lossy()]);
        self.pair(part)
    }

    fn pair(&self, part: &str) -> Certificate {
        Certificate {
            certificate: self.folder.join(format!("{part}.pem")),
            key: self.folder.join(format!("{part}.key")),
        }
    }

    fn make(&self, part: &str, name: &str, signer: &[&str]) {
        self.openssl(
            &["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
            |command| {
                command.args(["-config", "parts", "-extensions", part, "-days", "2", "-subj", &format!("/CN={name}")]);
                command.args(["-keyout", &format!("{part}.key"), "-out", &format!("{part}.pem")]).args(signer);
            },
        );
    }

    fn openssl(&self, arguments: &[&str], further: impl FnOnce(&mut Command)) {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(&self.folder);
        further(&mut command);
        let output = command
            .output()
            .expect("the openssl command makes certificates and is not installed\nhint: apt-get install openssl");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    }
}
