//! A web site of any size over several hosts that keeps nothing: every page and picture is made from its number when it
//! is asked for, and so is the knowledge of what a crawl must find. It counts what it answered, can be told to misbehave,
//! and can stretch its answers over a given time.

mod picture;
mod serve;
mod tally;
mod tempo;

pub use tally::Tally;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::picture::{Picture, Pictures};
use self::tempo::Tempo;
use crate::invariants::Expected;
use crate::store::sha256;

/// Every so manyth picture has the bytes of the one before it.
const TWINS: u64 = 100;

/// What a site consists of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Of the pictures' bytes and of the small delays before answers.
    pub seed: u64,
    /// Addresses 127.0.0.1, 127.0.0.2 and so on, each with a port of its own; 1 to 250.
    pub hosts: u64,
    /// Pages, besides the one at `/` of the first host.
    pub pages: u64,
    /// Pictures, shared evenly among the pages.
    pub pictures: u64,
    /// Chains that the pages form: each page links to one, so so many are known and not yet fetched at a time.
    pub chains: u64,
}

/// How a host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// With 503.
    Unavailable,
    /// By resetting the connection.
    Resetting,
    /// With half of the body, and then by resetting the connection.
    Cutting,
    /// Not before its mood changes.
    Stalling,
}

/// The site. Dropping it closes it.
#[derive(Debug)]
pub struct Gallery {
    shared: Arc<Shared>,
    moods: Vec<watch::Sender<Mood>>,
    listening: Vec<JoinHandle<()>>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    plan: Plan,
    hosts: Vec<SocketAddr>,
    pictures: Pictures,
    tally: Tally,
    tempo: Tempo,
}

impl Gallery {
    /// Starts the site.
    pub async fn start(plan: Plan) -> Self {
        let mut listeners = Vec::new();
        for host in 1..=plan.hosts {
            let listener = TcpListener::bind((format!("127.0.0.{host}"), 0)).await.expect("loopback has free ports");
            listeners.push(listener);
        }
        let hosts = listeners.iter().map(|listener| listener.local_addr().expect("it is bound")).collect();
        let tally = Tally::new(plan.pages, plan.pictures);
        let shared =
            Arc::new(Shared { plan, hosts, pictures: Pictures::new(plan.seed), tally, tempo: Tempo::default() });
        let mut moods = Vec::new();
        let mut listening = Vec::new();
        for (host, listener) in listeners.into_iter().enumerate() {
            let (mood, moody) = watch::channel(Mood::Well);
            moods.push(mood);
            listening.push(tokio::spawn(serve::listen(listener, host, Arc::clone(&shared), moody)));
        }
        Self { shared, moods, listening }
    }

    /// The page that leads to all others.
    pub fn root(&self) -> String {
        format!("http://{}/", self.shared.hosts[0])
    }

    /// The URLs of all pictures.
    pub fn pictures(&self) -> Vec<String> {
        (0..self.shared.plan.pictures).map(|number| self.shared.picture_url(number)).collect()
    }

    /// What a run that found everything must know in the end, by URL. Makes every picture once more.
    pub fn expected(&self) -> BTreeMap<String, Expected> {
        let expected = |number| {
            let Picture { bytes, width, height } = self.shared.picture(number);
            let length = u64::try_from(bytes.len()).expect("lengths fit");
            (self.shared.picture_url(number), Expected { sha256: sha256(&bytes), bytes: length, width, height })
        };
        (0..self.shared.plan.pictures).map(expected).collect()
    }

    /// What was asked and answered so far.
    pub fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    /// How many hosts it has.
    pub fn hosts(&self) -> usize {
        self.moods.len()
    }

    /// From now on the host of this index, from 0, answers so.
    pub fn set_mood(&self, host: usize, mood: Mood) {
        self.moods[host].send_replace(mood);
    }

    /// From now on answers that were not given before are spread over this time, so that a crawl that keeps up lasts as
    /// long.
    pub fn spread_over(&self, time: Duration) {
        self.shared.tempo.spread_over(time);
    }

    /// From now on every answer is given at once.
    pub fn hurry(&self) {
        self.shared.tempo.hurry();
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        for listening in &self.listening {
            listening.abort();
        }
    }
}

impl Shared {
    fn host_of(&self, number: u64) -> SocketAddr {
        self.hosts[usize::try_from(number % self.plan.hosts).expect("there are few")]
    }

    fn picture_url(&self, number: u64) -> String {
        format!("http://{}/picture/{number}.png", self.host_of(number))
    }

    fn page_url(&self, number: u64) -> String {
        format!("http://{}/page/{number}.html", self.host_of(number))
    }

    fn picture(&self, number: u64) -> Picture {
        let is_twin = number % TWINS == TWINS - 1;
        self.pictures.picture(if is_twin { number - 1 } else { number })
    }

    fn links(&self, pages: impl Iterator<Item = u64>) -> String {
        let links = pages.filter(|page| *page < self.plan.pages);
        let links: Vec<String> =
            links.map(|page| format!("<p><a href=\"{}\">page {page}</a></p>", self.page_url(page))).collect();
        links.join("\n")
    }

    fn root(&self) -> String {
        format!("<!doctype html><title>Gallery</title>\n{}", self.links(0..self.plan.chains))
    }

    fn page(&self, page: u64) -> String {
        let first = |page: u64| page * self.plan.pictures / self.plan.pages;
        // The first picture is on every page, as logos are.
        let images = std::iter::once(0).chain(first(page)..first(page + 1));
        let images: Vec<String> = images
            .map(|number| format!("<img src=\"{}\" alt=\"picture {number}\">", self.picture_url(number)))
            .collect();
        let images = images.join("\n");
        format!(
            "<!doctype html><title>Page {page}</title>\n{images}{}",
            self.links(std::iter::once(page + self.plan.chains))
        )
    }
}
