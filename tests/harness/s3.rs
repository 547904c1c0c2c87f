//! A private S3-compatible server with one bucket. It keeps its objects in files: it may be killed and started again, and a test
//! looks at what is there without asking it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::Process;
use crate::waiting::eventually;
use crate::world::World;

/// Who may put objects there.
pub const ACCESS_KEY: &str = "warren-access-key";
/// With this, which nobody may ever print.
pub const SECRET_KEY: &str = "warren-secret-key";

const BUCKET: &str = "images";
const PREFIX: &str = "crawls/of tests";

/// A server on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct S3 {
    // Dropped in this order: the server, then its folder.
    server: Option<Process>,
    program: &'static str,
    port: u16,
    starts: usize,
    folder: Folder,
}

impl S3 {
    /// Starts the server, `program`, with an empty bucket.
    pub async fn start(program: &'static str) -> Self {
        let folder = Folder::new("s3");
        let mut server = Self { server: None, program, port: free_port(), starts: 0, folder };
        server.create_bucket();
        server.start_again().await;
        server
    }

    /// Has the programs of a world know its credentials.
    pub fn admit(&self, world: &mut World) {
        world.set_variable("AWS_ACCESS_KEY_ID", ACCESS_KEY).set_variable("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        world.set_variable("AWS_REGION", "eu-test-1").set_variable("NO_PROXY", "127.0.0.1");
    }

    /// The options that lead a downloader there.
    pub fn options(&self) -> Vec<String> {
        let store = format!("s3://{BUCKET}/{PREFIX}");
        ["--store", &store, "--s3-endpoint", &self.endpoint()].map(str::to_owned).to_vec()
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Starts it, after it was killed, with what it has.
    pub async fn start_again(&mut self) {
        self.starts += 1;
        let mut command = Process::command(self.program);
        command.arg(&*self.folder).arg(self.port.to_string()).args([ACCESS_KEY, SECRET_KEY]);
        let mut server = Process::start(&format!("s3-{}", self.starts), &mut command, &self.folder);
        eventually("the server of the bucket listens", Duration::from_secs(20), async || {
            server.expect_running();
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await
        })
        .await;
        self.server = Some(server);
    }

    /// Creates the bucket.
    pub fn create_bucket(&self) {
        fs::create_dir_all(self.folder.join(BUCKET)).expect("a test's own folder is writable");
    }

    /// Takes the bucket out of the server's sight, with its objects.
    pub fn hide_bucket(&self) {
        fs::rename(self.folder.join(BUCKET), self.folder.join("hidden")).expect("it is there");
    }

    /// The opposite.
    pub fn show_bucket(&self) {
        fs::rename(self.folder.join("hidden"), self.folder.join(BUCKET)).expect("it is there");
    }

    /// The folder in which objects are files, by their paths in the store.
    pub fn root(&self) -> PathBuf {
        self.folder.join(BUCKET).join(PREFIX)
    }

    /// How many parts of objects the server has that are not whole.
    pub fn parts(&self) -> usize {
        let is_part = |name: &str| name.starts_with(".upload_id-") && name.contains(".part-");
        let files = fs::read_dir(&*self.folder).expect("a test's own folder can be read").flatten();
        files.filter(|file| file.file_name().to_str().is_some_and(is_part)).count()
    }

    /// The objects, by their paths in the store.
    pub fn objects(&self) -> Vec<String> {
        let root = self.root();
        let files = crate::store::Store::at(&root).files();
        let path = |file: &PathBuf| file.strip_prefix(&root).map(Path::to_string_lossy).map(String::from);
        let mut objects: Vec<String> = files.iter().filter_map(|file| path(file).ok()).collect();
        objects.sort();
        objects
    }
}
