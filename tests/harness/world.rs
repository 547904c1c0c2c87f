//! Where a test begins: a site, a place on a broker or none, folders, and the two programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::broker::{Broker, Place};
use crate::folder::Folder;
use crate::namespace::Namespace;
use crate::process::Process;
use crate::run::Finished;
use crate::site::{Response, Site};
use crate::store::Store;
use crate::terminal::Terminal;
use crate::waiting::eventually;

/// No run of a test takes longer. The budget of a test on two busy cores, not a measure of speed.
const RUN: Duration = Duration::from_mins(2);

/// The paths of the programs, which cargo hands to the tests of their package only.
#[derive(Debug, Clone, Copy)]
pub struct Programs {
    /// The producer.
    pub producer: &'static str,
    /// The downloader.
    pub downloader: &'static str,
}

/// Everything that one test needs; gone when it is dropped.
///
/// ```no_run
/// # async fn example(programs: harness::Programs) {
/// let mut world = harness::World::new("example", programs).await;
/// world.page("/", "<img src=1.png>").image("/1.png", harness::png(1, 1, 1));
/// world.downloaders(3).await;
/// world.crawl(&["--depth", "1"]).await.expect_complete().expect_stored(1);
/// # }
/// ```
#[derive(Debug)]
pub struct World {
    // Dropped in this order: what runs, then what it works on.
    downloaders: Vec<Process>,
    site: Site,
    place: Option<Place>,
    programs: Programs,
    private_allowed: bool,
    variables: Vec<(&'static str, String)>,
    run_by: Vec<String>,
    started: usize,
    folder: Folder,
}

/// A producer at work.
#[derive(Debug)]
pub struct Crawl {
    /// The producer.
    pub process: Process,
    /// Its run's folder.
    pub folder: PathBuf,
}

impl World {
    /// A world with a place of its own on the shared RabbitMQ.
    pub async fn new(name: &str, programs: Programs) -> Self {
        let place = Broker::place(name).await;
        Self::at(name, programs, Some(place)).await
    }

    /// A world without a broker: producers run `--embedded`.
    pub async fn embedded(name: &str, programs: Programs) -> Self {
        Self::at(name, programs, None).await
    }

    /// A world at a place of the test's choosing.
    pub async fn at(name: &str, programs: Programs, place: Option<Place>) -> Self {
        let site = Site::start().await;
        Self {
            downloaders: Vec::new(),
            site,
            place,
            programs,
            private_allowed: true,
            variables: Vec::new(),
            run_by: Vec::new(),
            started: 0,
            folder: Folder::new(name),
        }
    }

    /// Programs started from now on are not told `--allow-private`.
    pub fn without_private_addresses(&mut self) -> &mut Self {
        self.private_allowed = false;
        self
    }

    /// Programs started from now on are told `--allow-private`, as they are at first.
    pub fn with_private_addresses(&mut self) -> &mut Self {
        self.private_allowed = true;
        self
    }

    /// Programs started from now on have this environment variable.
    pub fn set_variable(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.unset_variable(name).variables.push((name, value.to_owned()));
        self
    }

    /// Programs started from now on do not have this environment variable.
    pub fn unset_variable(&mut self, name: &str) -> &mut Self {
        self.variables.retain(|(other, _)| *other != name);
        self
    }

    /// Programs started from now on are started by these words, which change what they run in and then become them.
    pub fn run_by(&mut self, words: Vec<String>) -> &mut Self {
        self.run_by = words;
        self
    }

    /// Its site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The URL of a path of its site.
    pub fn url(&self, path: &str) -> String {
        self.site.url(path)
    }

    /// Puts an HTML page on its site.
    pub fn page(&self, path: &str, html: &str) -> &Self {
        self.site.page(path, html);
        self
    }

    /// Puts an image on its site.
    pub fn image(&self, path: &str, bytes: Vec<u8>) -> &Self {
        self.site.image(path, bytes);
        self
    }

    /// Puts an answer of any kind on its site.
    pub fn route(&self, path: &str, response: Response) -> &Self {
        self.site.route(path, response);
        self
    }

    /// Its folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The store that its downloaders share.
    pub fn store(&self) -> Store {
        Store::at(&self.folder.join("store"))
    }

    /// Its place on the broker.
    pub fn place(&self) -> &Place {
        self.place.as_ref().expect("this world has no broker")
    }

    /// Starts `count` downloaders, named `w1`, `w2` and so on, and waits until all that run have a consumer.
    pub async fn downloaders(&mut self, count: usize) -> &mut Self {
        for _ in 0..count {
            self.start_downloader(&[]);
        }
        self.expect_consumers().await;
        self
    }

    /// Starts one downloader with options of the test's own, and waits until all that run have a consumer.
    pub async fn downloader(&mut self, options: &[&str]) -> &mut Self {
        self.start_downloader(options);
        self.expect_consumers().await;
        self
    }

    /// Starts one downloader and waits for nothing.
    pub fn start_downloader(&mut self, options: &[&str]) -> &mut Process {
        self.start_downloader_by(&[], options)
    }

    /// Starts one downloader in another network, with the options that it needs there, and waits for nothing.
    pub fn start_downloader_in(&mut self, namespace: &Namespace, options: &[&str]) -> &mut Process {
        self.start_downloader_as(namespace.command(self.programs.downloader), options)
    }

    /// Starts one downloader by a program that changes what it runs in and then becomes it, such as `env`, `prlimit` or
    /// `setpriv` with their arguments.
    pub fn start_downloader_by(&mut self, by: &[&str], options: &[&str]) -> &mut Process {
        let words = self.run_by.iter().map(String::as_str).chain(by.iter().copied());
        let command = by_words(words.chain([self.programs.downloader]));
        self.start_downloader_as(command, options)
    }

    fn start_downloader_as(&mut self, mut command: Command, options: &[&str]) -> &mut Process {
        let name = format!("w{}", self.downloaders.len() + 1);
        let mut given: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        self.fill_in(&mut given, Some(&name));
        command.args(given).envs(self.variables.iter().map(|(name, value)| (name, value)));
        let process = Process::start(&name, &mut command, &self.folder);
        self.downloaders.push(process);
        self.downloaders.last_mut().expect("one was just put there")
    }

    /// Kills all downloaders, and forgets them.
    pub fn stop_downloaders(&mut self) -> &mut Self {
        self.downloaders.clear();
        self
    }

    /// The downloader that was started as number `number`, from 1.
    pub fn worker(&mut self, number: usize) -> &mut Process {
        &mut self.downloaders[number - 1]
    }

    /// Crawls the site from `/` to the end, or from the URLs given.
    pub async fn crawl(&mut self, arguments: &[&str]) -> Finished {
        let crawl = self.start_crawl(arguments);
        self.finish(crawl).await
    }

    /// Fetches a list of image URLs to the end.
    pub async fn urls(&mut self, urls: &[String], options: &[&str]) -> Finished {
        let crawl = self.start_urls(urls, options);
        self.finish(crawl).await
    }

    /// Starts a crawl of the site from `/`, or from the URLs given.
    pub fn start_crawl(&mut self, arguments: &[&str]) -> Crawl {
        let root = self.url("/");
        let mut all = vec!["crawl"];
        all.extend(arguments);
        if !arguments.iter().any(|argument| argument.starts_with("http:")) {
            all.push(&root);
        }
        self.start_run(&all)
    }

    /// Starts to fetch a list of image URLs.
    pub fn start_urls(&mut self, urls: &[String], options: &[&str]) -> Crawl {
        let list = self.folder.file(&format!("list-{}.txt", self.started + 1), urls.join("\n"));
        let list = list.to_string_lossy();
        let mut all = vec!["urls"];
        all.extend(options);
        all.push(&list);
        self.start_run(&all)
    }

    /// Starts a producer that makes a run: a subcommand and its arguments, to which the world adds what they leave out
    /// of where the broker, the store and the runs are.
    pub fn start_run(&mut self, arguments: &[&str]) -> Crawl {
        self.start_run_reading(arguments, Stdio::null())
    }

    /// Starts a producer on a run that there is: `resume`, `retry` or `cancel`, with options of the test's own. Only the
    /// broker is added, whose password no run keeps, and where the runs are.
    pub fn start_again(&mut self, command: &str, run: &Path, options: &[&str]) -> Crawl {
        self.start_again_reading(command, run, options, Stdio::null())
    }

    /// As `start_again`, with something on standard input.
    pub fn start_again_reading(
        &mut self,
        command: &str,
        run: &Path,
        options: &[&str],
        input: impl Into<Stdio>,
    ) -> Crawl {
        self.started += 1;
        let mut given: Vec<String> = [command].iter().chain(options).map(|&argument| argument.to_owned()).collect();
        let (runs, name) = (run.parent().expect("runs"), run.file_name().expect("a name"));
        add(&mut given, "--runs", &runs.to_string_lossy());
        if let Some(place) = &self.place
            && !given.iter().any(|argument| argument == "--broker")
        {
            given.extend(place.arguments());
        }
        given.push(name.to_string_lossy().into_owned());
        let process = self.start_producer(&given, input);
        Crawl { process, folder: run.to_owned() }
    }

    /// Goes on with a run to its end.
    pub async fn again(&mut self, command: &str, run: &Path, options: &[&str]) -> Finished {
        let crawl = self.start_again(command, run, options);
        self.finish(crawl).await
    }

    /// Has a producer make a run to its end.
    pub async fn finish_run(&mut self, arguments: &[&str]) -> Finished {
        let crawl = self.start_run(arguments);
        self.finish(crawl).await
    }

    /// As `start_run`, on a terminal of so many columns and rows.
    pub fn start_run_on(&mut self, size: (u16, u16), arguments: &[&str]) -> Terminal {
        let (given, _) = self.run_arguments(arguments);
        Terminal::start(&mut self.producer_command(&given), size)
    }

    /// A command for a producer with just these arguments.
    pub fn producer_command(&self, arguments: &[String]) -> Command {
        let mut command = by_words(self.run_by.iter().map(String::as_str).chain([self.programs.producer]));
        command.args(arguments).current_dir(&*self.folder);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// As `start_run`, with something on standard input.
    pub fn start_run_reading(&mut self, arguments: &[&str], input: impl Into<Stdio>) -> Crawl {
        let (given, folder) = self.run_arguments(arguments);
        let process = self.start_producer(&given, input);
        Crawl { process, folder }
    }

    /// The arguments of a producer that makes a run, whole, and the run's folder.
    fn run_arguments(&mut self, arguments: &[&str]) -> (Vec<String>, PathBuf) {
        self.started += 1;
        let mut given: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        add(&mut given, "--runs", &self.folder.join("runs").to_string_lossy());
        add(&mut given, "--run", &format!("run-{}", self.started));
        self.fill_in(&mut given, None);
        let run = given.iter().position(|argument| argument == "--run").expect("it was just added");
        let folder = self.folder.join("runs").join(&given[run + 1]);
        (given, folder)
    }

    /// Waits for the end of a producer, and reads its run.
    pub async fn finish(&mut self, mut crawl: Crawl) -> Finished {
        let exit = crawl.process.wait(RUN).await;
        Finished::read(exit, crawl.process.output(), crawl.process.talk(), &crawl.folder)
    }

    /// Runs a producer with just these arguments to its end.
    pub async fn producer(&mut self, arguments: &[&str]) -> Finished {
        self.started += 1;
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let process = self.start_producer(&arguments, Stdio::null());
        let folder = self.folder.join("no run");
        self.finish(Crawl { process, folder }).await
    }

    /// Starts a producer with just these arguments.
    pub fn start_producer(&self, arguments: &[String], input: impl Into<Stdio>) -> Process {
        let mut command = self.producer_command(arguments);
        command.stdin(input);
        Process::start(&format!("producer-{}", self.started), &mut command, &self.folder)
    }

    /// Starts a producer with just these arguments beside others that run, each with its own files.
    pub fn start_another(&mut self, arguments: &[String]) -> Process {
        self.started += 1;
        self.start_producer(arguments, Stdio::null())
    }

    /// Adds what the arguments leave out; a test that gives an option itself keeps it.
    fn fill_in(&self, given: &mut Vec<String>, worker: Option<&str>) {
        let embedded = self.place.is_none();
        if let Some(place) = &self.place
            && !given.iter().any(|argument| argument == "--broker")
        {
            given.extend(place.arguments());
        }
        if embedded && !given.iter().any(|argument| argument == "--embedded") {
            given.push("--embedded".to_owned());
        }
        if embedded || worker.is_some() {
            add(given, "--store", &self.store().folder().to_string_lossy());
        }
        if let Some(worker) = worker {
            add(given, "--worker", worker);
        }
        if self.private_allowed && !given.iter().any(|argument| argument == "--allow-private") {
            given.push("--allow-private".to_owned());
        }
    }

    /// Waits until every downloader that runs has a consumer.
    pub async fn expect_consumers(&mut self) {
        let place = self.place().clone();
        let tasks = place.queue("tasks");
        eventually("a consumer of every downloader", Duration::from_secs(30), async || {
            // One that ended without being told to has said why: there is nothing to wait for.
            let mut running = 0;
            for downloader in self.downloaders.iter_mut().filter(|downloader| !downloader.was_signalled()) {
                downloader.expect_running();
                running += 1;
            }
            match place.depth(&tasks).await {
                Ok(depth) if depth.consumers >= running => Ok(()),
                Ok(depth) => Err(format!("{} of {running}", depth.consumers)),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Waits until the site had so many requests.
    pub async fn expect_requests(&self, count: usize) {
        eventually("the site is asked", Duration::from_secs(30), async || {
            let seen = self.site.log().requests().len();
            if seen >= count { Ok(()) } else { Err(format!("{seen} of {count} requests")) }
        })
        .await;
    }
}

fn by_words<'a>(mut words: impl Iterator<Item = &'a str>) -> Command {
    let mut command = Process::command(words.next().expect("there is at least the program"));
    command.args(words);
    command
}

fn add(given: &mut Vec<String>, option: &str, value: &str) {
    if !given.iter().any(|argument| argument == option) {
        given.extend([option.to_owned(), value.to_owned()]);
    }
}
