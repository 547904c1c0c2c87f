//! `producer dashboard`: serves the dashboard of a folder of runs until a signal.

use common::exit::Exit;
use common::transport::amqp::AmqpSettings;
use downloader::location::Location;

use super::run::Session;
use crate::cli::DashboardOptions;
use crate::dashboard::{Dashboard, Settings};

/// Serves it.
pub async fn dashboard(options: DashboardOptions, session: Session) -> anyhow::Result<Exit> {
    let broker =
        if options.offline { None } else { Some(AmqpSettings::new(&options.broker, "warren dashboard".to_owned())?) };
    let store = Location::new(options.store, options.s3_endpoint.as_deref())?;
    let token = Settings::token_of_environment();
    let (token, environment) = (token.as_deref(), session.environment);
    let settings = Settings::new(options.listen, options.host, token, options.runs, Some(store), broker, environment)?;
    let dashboard = Dashboard::start(settings).await?;
    session.shutdown.drain.cancelled().await;
    tokio::select! {
        () = dashboard.finish() => {}
        () = session.shutdown.now.cancelled() => {}
    }
    Ok(Exit::Complete)
}
