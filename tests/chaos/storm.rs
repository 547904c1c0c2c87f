//! The storm itself: sets everything up, deals the faults to those they strike, and waits for the calm and the end.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harness::broker::{Broker, Node};
use harness::gallery::Plan;
use harness::{Finished, Gallery, Place, Programs, Proxy, eventually};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::downloader::Downloader;
use crate::fault::{Deck, Fault, Kind, LONGEST};
use crate::options::{Options, Source};
use crate::producer::Producer;
use crate::record::Record;
use crate::samples::Samples;
use crate::{broker, surroundings};

/// How many downloaders there are.
pub(crate) const DOWNLOADERS: usize = 3;

/// Pages that are known and not yet fetched at a time: so many at most can be in a producer's hands when it ends.
pub(crate) const CHAINS: u64 = 8;

/// Images on a page.
const IMAGES_PER_PAGE: u64 = 100;

/// Hosts of the site.
const HOSTS: u64 = 16;

/// The producer's `--timeout`, in seconds: longer than the longest fault, and than some that follow each other.
const TIMEOUT: u64 = LONGEST.as_secs() * 3;

/// How long the run may take after the last fault before it is said not to end.
const CALM: Duration = Duration::from_mins(4);

/// Faults that wait for one before them to pass.
const WAITING: usize = 256;

/// What is left when it is over.
pub(crate) struct Aftermath {
    pub(crate) run: Finished,
    pub(crate) gallery: Arc<Gallery>,
    pub(crate) samples: Samples,
    /// Messages in the dead-letter queue.
    pub(crate) dead: u32,
    /// How long the storm lasted, and then the calm.
    pub(crate) storm: Duration,
    pub(crate) calm: Duration,
}

/// Lets a storm pass. What is wrong goes into the record, what cannot go on panics.
pub(crate) async fn pass(
    options: &Options,
    seed: u64,
    folder: &Path,
    programs: Programs,
    record: &Arc<Record>,
) -> Aftermath {
    let node = broker_with_old_queues(folder, programs).await;
    let place = node.place("chaos").await;
    let pages = options.images() / IMAGES_PER_PAGE;
    let plan = Plan { seed, hosts: HOSTS, pages, pictures: options.images(), chains: CHAINS };
    let gallery = Arc::new(Gallery::start(plan).await);

    let mut fleet = Fleet::start(options, &place, &gallery, folder, programs, record).await;
    let mut samples = Samples::default();
    let producer = fleet.producer.take().expect("it was just started");
    let (stop, end) = (fleet.stop_producer.clone(), fleet.end.clone());
    let weather = async {
        let (node, times) = weather(options, seed, node, fleet.targets(), &producer, &gallery, record).await;
        let calm = Instant::now();
        let run = at_last(producer, stop).await;
        let calm = calm.elapsed();
        let dead = settled(&place, record).await;
        end.cancel();
        for task in fleet.tasks {
            task.await.expect("it does not panic");
        }
        broker::keep_log(&node, folder);
        (run, dead, times, calm)
    };
    let (run, dead, storm, calm) = tokio::select! {
        ended = weather => ended,
        () = samples.take(Arc::clone(record)) => unreachable!("samples are taken for ever"),
    };
    Aftermath { run, gallery, samples, dead, storm, calm }
}

/// A node whose queues were there before it was last stopped: RabbitMQ 3.10 writes a new quorum queue's registration to
/// disk minutes later or when it stops, and one that is killed before that has lost the queue (see `docs/operations.md`).
async fn broker_with_old_queues(folder: &Path, programs: Programs) -> Node {
    let mut node = Broker::private("chaos", "").await;
    let place = node.place("chaos").await;
    let mut command = harness::Process::command(programs.downloader);
    command.args(place.arguments()).arg("--store").arg(folder.join("no store"));
    let mut downloader = harness::Process::start("declare", &mut command, folder);
    expect_consumers(&place, 1).await;
    downloader.signal(harness::Signal::Term);
    downloader.wait(Duration::from_mins(1)).await;
    node.stop().await;
    node.start_again().await;
    node
}

async fn expect_consumers(place: &Place, count: usize) {
    eventually("the downloaders consume", Duration::from_mins(1), async || {
        let depth = place.depth(&place.queue("tasks")).await.map_err(|error| error.to_string())?;
        if depth.consumers as usize >= count { Ok(()) } else { Err(format!("{depth:?}")) }
    })
    .await;
}

/// The programs, each behind a wire of its own, and the ends of the lines by which faults reach them.
struct Fleet {
    producer: Option<JoinHandle<Finished>>,
    stop_producer: CancellationToken,
    end: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    downloaders: Vec<mpsc::Sender<Fault>>,
    producer_faults: mpsc::Sender<Fault>,
    wires: Vec<Arc<Proxy>>,
}

impl Fleet {
    async fn start(
        options: &Options,
        place: &Place,
        gallery: &Gallery,
        folder: &Path,
        programs: Programs,
        record: &Arc<Record>,
    ) -> Self {
        let upstream: SocketAddr = place.address().parse().expect("an address and a port");
        let end = CancellationToken::new();
        let (mut tasks, mut downloaders, mut wires) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=DOWNLOADERS {
            let wire = Arc::new(Proxy::start(upstream).await);
            let (faults, received) = mpsc::channel(WAITING);
            let name = format!("downloader-{number}");
            let mut arguments = place.clone().through(wire.port()).arguments();
            arguments.extend(["--allow-private", "--worker", &name, "--store"].map(str::to_owned));
            arguments.push(folder.join("store").to_string_lossy().into_owned());
            let (record, folder) = (Arc::clone(record), folder.to_owned());
            let downloader = Downloader { name, program: programs.downloader, arguments, folder, record, lives: 0 };
            tasks.push(tokio::spawn(downloader.live(received, end.clone())));
            downloaders.push(faults);
            wires.push(wire);
        }
        expect_consumers(place, DOWNLOADERS).await;

        let wire = Arc::new(Proxy::start(upstream).await);
        let place = place.clone().through(wire.port());
        wires.push(wire);
        let (begin, resume) = commands(options, &place, gallery, folder);
        let producer = Producer {
            program: programs.producer,
            begin,
            resume,
            folder: folder.to_owned(),
            run: folder.join("runs/chaos"),
            record: Arc::clone(record),
            lives: 0,
            failures: 0,
        };
        let (producer_faults, received) = mpsc::channel(WAITING);
        let stop_producer = CancellationToken::new();
        gallery.spread_over(options.storm());
        let producer = Some(tokio::spawn(producer.live(received, stop_producer.clone())));
        Self { producer, stop_producer, end, tasks, downloaders, producer_faults, wires }
    }

    fn targets(&self) -> Targets {
        Targets {
            downloaders: self.downloaders.clone(),
            producer: self.producer_faults.clone(),
            wires: self.wires.clone(),
        }
    }
}

/// How the run is begun, and how it is gone on with.
fn commands(options: &Options, place: &Place, gallery: &Gallery, folder: &Path) -> (Vec<String>, Vec<String>) {
    let text = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let timeout = format!("{TIMEOUT}s");
    let mut begin = match options.source {
        Source::Pages => text(&["crawl", "--scope", "any", "--depth", "1000000", &gallery.root()]),
        Source::List => {
            let list = folder.join("list.txt");
            std::fs::write(&list, gallery.pictures().join("\n")).expect("the storm's folder is writable");
            text(&["urls", &list.to_string_lossy()])
        }
    };
    begin.extend(text(&["--runs", "runs", "--run", "chaos", "--timeout", &timeout, "--retries", "20"]));
    begin.extend(text(&["--ignore-robots", "--allow-private"]));
    begin.extend(place.arguments());
    let mut resume = text(&["resume", "--runs", "runs"]);
    resume.extend(place.arguments());
    resume.push("chaos".to_owned());
    (begin, resume)
}

/// Whom faults can strike.
struct Targets {
    downloaders: Vec<mpsc::Sender<Fault>>,
    producer: mpsc::Sender<Fault>,
    wires: Vec<Arc<Proxy>>,
}

/// Deals faults until the storm's time is over or the run has ended, and waits for the last ones to pass.
async fn weather(
    options: &Options,
    seed: u64,
    node: Node,
    targets: Targets,
    producer: &JoinHandle<Finished>,
    gallery: &Arc<Gallery>,
    record: &Arc<Record>,
) -> (Node, Duration) {
    let (broker_faults, received) = mpsc::channel(WAITING);
    // Its waiting is done by closures, whose futures cannot be sent to other threads.
    let broker = tokio::task::spawn_local(broker::live(node, received, Arc::clone(record)));
    let (site_faults, received) = mpsc::channel(WAITING);
    let site = tokio::spawn(surroundings::site(Arc::clone(gallery), received, Arc::clone(record)));
    let mut wires = Vec::new();
    let mut wire_faults = Vec::new();
    for wire in &targets.wires {
        let (faults, received) = mpsc::channel(WAITING);
        wires.push(tokio::spawn(surroundings::wire(Arc::clone(wire), received, Arc::clone(record))));
        wire_faults.push(faults);
    }

    eventually("the run gets going", Duration::from_mins(1), async || match gallery.tally().different_pictures() {
        0..50 => Err("hardly an image was asked for"),
        _ => Ok(()),
    })
    .await;
    let begun = Instant::now();
    record.say("the storm begins");
    let of = |targets: &[mpsc::Sender<Fault>], whom: u64| {
        let count = u64::try_from(targets.len()).expect("few");
        targets[usize::try_from(whom % count).expect("few")].clone()
    };
    let mut moment = begun;
    for fault in Deck::new(seed, options.storm()) {
        moment += fault.after;
        if moment > begun + options.storm() {
            break;
        }
        sleep_until(moment).await;
        if producer.is_finished() {
            record.problem("the run ended before the storm did, which proves little".to_owned());
            break;
        }
        record.say(&format!("{} ({:.1} s, {})", fault.kind.name(), fault.lasts.as_secs_f64(), fault.whom % 1_000));
        let target = match fault.kind {
            Kind::KillDownloader | Kind::FreezeDownloader | Kind::DrainDownloader | Kind::StopDownloaderAtOnce => {
                of(&targets.downloaders, fault.whom)
            }
            Kind::KillProducer | Kind::InterruptProducer | Kind::FreezeProducer => targets.producer.clone(),
            Kind::RestartBroker | Kind::KillBroker => broker_faults.clone(),
            Kind::ResetWire | Kind::HoldWire | Kind::SlowWire => of(&wire_faults, fault.whom),
            Kind::SiteUnavailable | Kind::SiteResetting | Kind::SiteCutting | Kind::SiteStalling => site_faults.clone(),
        };
        // Its receiver is gone when the run has just ended.
        target.send(fault).await.ok();
    }
    sleep_until(if producer.is_finished() { begun } else { begun + options.storm() }).await;
    drop((broker_faults, site_faults, wire_faults));
    site.await.expect("it does not panic");
    for wire in wires {
        wire.await.expect("it does not panic");
    }
    let node = broker.await.expect("it does not panic");
    gallery.hurry();
    record.say("the storm is over");
    (node, begun.elapsed())
}

/// Waits for the end of the run; when it does not come, for the producer's story.
async fn at_last(mut producer: JoinHandle<Finished>, stop: CancellationToken) -> Finished {
    let deadline = Instant::now() + CALM;
    if let Ok(run) = timeout_at(deadline, &mut producer).await {
        run.expect("it does not panic")
    } else {
        stop.cancel();
        producer.await.expect("it does not panic")
    }
}

/// Waits until no task is left, and counts the dead letters.
async fn settled(place: &Place, record: &Record) -> u32 {
    let tasks = place.queue("tasks");
    let empty = async {
        while place.depth(&tasks).await.is_ok_and(|depth| depth.messages > 0) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    if timeout(Duration::from_mins(1), empty).await.is_err() {
        record.problem("tasks of the finished run are left in the queue".to_owned());
    }
    match place.depth(&place.queue("dead")).await {
        Ok(depth) => depth.messages,
        Err(error) => {
            record.problem(format!("the dead-letter queue cannot be read: {error}"));
            0
        }
    }
}
