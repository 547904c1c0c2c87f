//! A name server that says what a test tells it, and knows what it was asked. DNS by hand over UDP (RFC 1035): as much of it as
//! a stub resolver needs.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Kinds of records, by their numbers.
const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;

/// Who is asked for names that the server was not told of is told for so long that there are none, in seconds.
const NOT_TOLD: u32 = 60;

/// What is said of a name. Of addresses, those of the family that is asked for.
#[derive(Debug, Clone)]
pub struct Answer {
    code: u8,
    alias: Option<String>,
    addresses: Vec<IpAddr>,
    /// In seconds; of the absence too.
    ttl: u32,
    delay: Duration,
    is_silent: bool,
}

impl Answer {
    /// These addresses, for so many seconds.
    pub fn addresses(ttl: u32, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        Self { code: 0, alias: None, addresses, ttl, delay: Duration::ZERO, is_silent: false }
    }

    /// That it is another name for `name`, and that has these addresses.
    pub fn alias(ttl: u32, name: &str, addresses: &[&str]) -> Self {
        Self { alias: Some(name.to_owned()), ..Self::addresses(ttl, addresses) }
    }

    /// There is no such name, for so many seconds.
    pub fn no_such_name(ttl: u32) -> Self {
        Self { code: 3, ..Self::addresses(ttl, &[]) }
    }

    /// SERVFAIL.
    pub fn failure() -> Self {
        Self { code: 2, ..Self::addresses(0, &[]) }
    }

    /// Nothing at all.
    pub fn silence() -> Self {
        Self { is_silent: true, ..Self::failure() }
    }

    /// Given only after `delay`.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}

/// The server. Dropping it ends it.
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    names: HashMap<String, Vec<Answer>>,
    questions: Vec<(String, u16)>,
    open: usize,
    most: usize,
}

impl Dns {
    /// Starts one on loopback.
    pub async fn start() -> Self {
        Self::on(UdpSocket::bind(("127.0.0.1", 0)).await.expect("loopback has a free port"))
    }

    /// Starts one that listens here, perhaps in another network.
    pub fn on(socket: UdpSocket) -> Self {
        let address = socket.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let listening = tokio::spawn(listen(Arc::new(socket), Arc::clone(&shared)));
        Self { address, shared, listening }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on says this of a name.
    pub fn name(&self, name: &str, answer: Answer) -> &Self {
        self.sequence(name, vec![answer])
    }

    /// From now on says one after the other of a name, to the questions for each family, and the last one for ever.
    pub fn sequence(&self, name: &str, answers: Vec<Answer>) -> &Self {
        self.shared.with(|inner| inner.names.insert(name.to_owned(), answers));
        self
    }

    /// How often it was asked for the IPv4 addresses of a name.
    pub fn questions(&self, name: &str) -> usize {
        self.shared.with(|inner| inner.asked(name, A))
    }

    /// All names that it was asked for, in their order.
    pub fn names(&self) -> Vec<String> {
        self.shared.with(|inner| inner.questions.iter().map(|(name, _)| name.clone()).collect())
    }

    /// The most questions that were open at one time.
    pub fn most_at_once(&self) -> usize {
        self.shared.with(|inner| inner.most)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().expect("no one panics with the names in hand"))
    }
}

impl Inner {
    fn asked(&self, name: &str, kind: u16) -> usize {
        self.questions.iter().filter(|(asked, of)| asked == name && *of == kind).count()
    }

    fn answer(&mut self, question: &Question) -> Answer {
        let before = self.asked(&question.name, question.kind);
        self.questions.push((question.name.clone(), question.kind));
        self.open += 1;
        self.most = self.most.max(self.open);
        let answers = self.names.get(&question.name);
        answers.map_or_else(|| Answer::no_such_name(NOT_TOLD), |answers| answers[before.min(answers.len() - 1)].clone())
    }
}

async fn listen(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut packet = [0; 1500];
    loop {
        // A client that went away before its answer shows here; there is nobody to tell.
        let Ok((length, client)) = socket.recv_from(&mut packet).await else { continue };
        let Some(question) = Question::read(&packet[..length]) else { continue };
        let answer = shared.with(|inner| inner.answer(&question));
        let (socket, shared) = (Arc::clone(&socket), Arc::clone(&shared));
        tokio::spawn(async move {
            tokio::time::sleep(answer.delay).await;
            shared.with(|inner| inner.open -= 1);
            if !answer.is_silent {
                socket.send_to(&question.answered(&answer), client).await.ok();
            }
        });
    }
}

struct Question {
    /// In lower case, without the dot at the end.
    name: String,
    kind: u16,
    /// Its number, and the question as it came.
    id: [u8; 2],
    asked: Vec<u8>,
}

impl Question {
    fn read(packet: &[u8]) -> Option<Self> {
        let question = packet.get(12..)?;
        let mut labels = Vec::new();
        let mut at = 0;
        loop {
            let length = usize::from(*question.get(at)?);
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(question.get(at + 1..at + 1 + length)?).to_ascii_lowercase());
            at += 1 + length;
        }
        let kind = u16::from_be_bytes(question.get(at + 1..at + 3)?.try_into().ok()?);
        let asked = question.get(..at + 5)?.to_vec();
        Some(Self { name: labels.join("."), kind, id: [packet[0], packet[1]], asked })
    }

    fn answered(&self, answer: &Answer) -> Vec<u8> {
        let mut records = Vec::new();
        let mut owner = self.name.as_str();
        if let Some(alias) = &answer.alias {
            records.push(record(owner, CNAME, answer.ttl, &wire_name(alias)));
            owner = alias;
        }
        records.extend(answer.addresses.iter().filter_map(|address| match (address, self.kind) {
            (IpAddr::V4(address), A) => Some(record(owner, A, answer.ttl, &address.octets())),
            (IpAddr::V6(address), AAAA) => Some(record(owner, AAAA, answer.ttl, &address.octets())),
            _ => None,
        }));
        // How long an absence may be remembered stands in the zone's record (RFC 2308, 3).
        let has_addresses = records.len() > usize::from(answer.alias.is_some());
        let zone = (!has_addresses && answer.code != 2).then(|| {
            let mut data = [wire_name("ns.test"), wire_name("admin.test")].concat();
            data.extend([1, 1, 1, 1, answer.ttl].iter().flat_map(|number: &u32| number.to_be_bytes()));
            record("test", SOA, answer.ttl, &data)
        });
        let count = |of: usize| u16::try_from(of).expect("few records").to_be_bytes();
        let mut packet = self.id.to_vec();
        // An answer, to a recursive question, by a server that recurses.
        packet.extend([0x81, 0x80 | answer.code, 0, 1]);
        packet.extend(count(records.len()));
        packet.extend(count(usize::from(zone.is_some())));
        packet.extend([0, 0]);
        packet.extend(&self.asked);
        packet.extend(records.into_iter().chain(zone).flatten());
        packet
    }
}

fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = wire_name(owner);
    record.extend(kind.to_be_bytes());
    record.extend(1_u16.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    record.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
    record.extend(data);
    record
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).expect("a short label"));
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}
