//! The dashboard: what runs and downloaders do, in a browser, with a gallery of what came and the means to pause, cancel and retry.
//!
//! Who asks has to get by [`guard`]; [`hosts`] and [`token`] are what that goes by, and [`server`] what bounds whoever asks.
//! [`pages`] are in the program. [`hub`] gathers what is shown while somebody watches, from [`runs`], [`detail`], [`broker`] and
//! [`tasks`], and [`events`] sends it. [`gallery`] and [`pictures`] look into one run, [`held`] is an image on its way out, [`orders`] and [`actions`] do something to it.
//! The producer's side is [`glimpse`]: what it says of itself while it is watched.

mod actions;
mod broker;
mod card;
mod detail;
mod events;
mod gallery;
mod glimpse;
mod guard;
mod held;
mod hosts;
mod hub;
mod orders;
mod pages;
mod pictures;
mod runs;
mod server;
mod settings;
mod speed;
mod tally;
mod tasks;
mod token;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::actions::Actions;
use self::broker::{BrokerView, Link};
use self::detail::Details;
use self::guard::Guard;
use self::hosts::Hosts;
use self::hub::Hub;
use self::pictures::Pictures;
use self::runs::Runs;
use self::token::Lock;

pub use self::actions::Environment;
pub(crate) use self::glimpse::Glimpses;
pub use self::hosts::OwnName;
pub use self::settings::{Settings, SettingsError};
pub use self::token::Token;

/// Longest body of a request, in bytes: a token, or a choice.
const LONGEST_BODY: usize = 4 << 10;

/// Looks into ledgers at once, beside what everybody is shown.
const LOOKS: usize = 4;

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("the dashboard cannot listen on {at}; hint: give it another address, or end what listens there")]
pub struct ListenError {
    at: SocketAddr,
    source: io::Error,
}

/// What all routes share.
#[derive(Debug)]
struct Site {
    guard: Arc<Guard>,
    hub: Arc<Hub>,
    actions: Arc<Actions>,
    runs: PathBuf,
    pictures: Pictures,
    looks: Semaphore,
    /// The last word was gathered: those who watch have seen it, or see it now.
    over: CancellationToken,
}

/// A dashboard that is served.
#[derive(Debug)]
pub struct Dashboard {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Dashboard {
    /// Begins to serve it.
    pub async fn start(settings: Settings) -> Result<Self, ListenError> {
        let at = settings.listen;
        let listen = async {
            let listener = TcpListener::bind(at).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen.await.map_err(|source| ListenError { at, source })?;
        let stop = CancellationToken::new();
        let lock = settings.token.map(|token| Lock::new(token, address.port()));
        let site = Arc::new(Site {
            guard: Arc::new(Guard::new(Hosts::new(address, settings.names), lock)),
            hub: Hub::new(),
            actions: Arc::new(Actions::new(settings.runs.clone(), settings.environment)),
            pictures: Pictures::new(settings.runs.clone(), settings.store),
            runs: settings.runs,
            looks: Semaphore::new(LOOKS),
            over: CancellationToken::new(),
        });
        let broker = settings.broker.map(Link::new);
        tracing::info!("the dashboard is at http://{address}/");
        let serving = tokio::spawn(serve(listener, site, broker, stop.clone()));
        Ok(Self { address, stop, serving })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, after those who watch have seen how things stand now.
    pub async fn finish(self) {
        self.stop.cancel();
        self.serving.await.unwrap_or(());
    }
}

async fn serve(listener: TcpListener, site: Arc<Site>, broker: Option<Link>, stop: CancellationToken) {
    let first = if broker.is_some() { BrokerView::Awaited } else { BrokerView::NotAsked };
    let (heard, hear) = watch::channel(first);
    let (runs, details) = (Runs::new(site.runs.clone()), Details::new(site.runs.clone()));
    let gathering = Arc::clone(&site.hub).gather(runs, details, Arc::clone(&site.actions), hear, stop.clone());
    let hub = Arc::clone(&site.hub);
    let asking = async {
        if let Some(link) = broker {
            hub.ask(link, heard, stop.clone()).await;
        }
    };
    let over = site.over.clone();
    let gathering = async {
        gathering.await;
        over.cancel();
    };
    tokio::join!(server::serve(listener, routes(site), over.clone()), gathering, asking);
}

fn routes(site: Arc<Site>) -> Router {
    let guard = Arc::clone(&site.guard);
    Router::new()
        .route("/", get(pages::index))
        .route("/login", get(pages::login).post(pages::enter))
        .route("/leave", post(pages::leave))
        .route("/assets/{name}", get(pages::asset))
        .route("/events", get(events::events))
        .route("/runs/{run}/images", get(gallery::images))
        .route("/runs/{run}/images/{image}/thumbnail", get(pictures::thumbnail))
        .route("/runs/{run}/images/{image}/original", get(pictures::original))
        .route("/runs/{run}/{action}", post(orders::order))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn_with_state(guard, guard::guard))
        .with_state(site)
}
