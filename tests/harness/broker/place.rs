//! A corner of a broker for one test, and what tests do to its queues behind Warren's back.

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, BasicRejectOptions, ConfirmSelectOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use url::Url;

/// Where one test's queues are: no other test sees them.
#[derive(Debug, Clone)]
pub struct Place {
    uri: String,
    /// Instead of the URI, what the programs are told.
    told: Option<Vec<String>>,
    prefix: Option<String>,
}

/// How much is in a queue, and how many read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait for a consumer.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}

impl Place {
    pub(super) fn apart_by_virtual_host(uri: &str) -> Self {
        Self { uri: uri.to_owned(), told: None, prefix: None }
    }

    pub(super) fn apart_by_prefix(uri: &str, prefix: &str) -> Self {
        Self { uri: uri.to_owned(), told: None, prefix: Some(prefix.to_owned()) }
    }

    /// What both programs are told to find it.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = self.told.clone().unwrap_or_else(|| vec!["--broker".to_owned(), self.uri.clone()]);
        arguments.extend(self.prefix.iter().flat_map(|prefix| ["--prefix".to_owned(), prefix.clone()]));
        arguments
    }

    /// The queue that Warren calls `warren.NAME` by default.
    pub fn queue(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix.as_deref().unwrap_or("warren"))
    }

    /// Its URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The same place for connections that are given up when nothing came for about twice so many seconds.
    #[must_use]
    pub fn with_heartbeat(mut self, seconds: u16) -> Self {
        self.uri = self.uri_with(|uri| uri.set_query(Some(&format!("heartbeat={seconds}"))));
        self
    }

    /// The same place by way of another port of loopback, where a proxy listens.
    #[must_use]
    pub fn through(mut self, port: u16) -> Self {
        self.uri = self.uri_with(|uri| uri.set_port(Some(port)).expect("an amqp URI has a port"));
        self
    }

    /// The same place, to which the programs find by other arguments than `--broker` and its URI.
    #[must_use]
    pub fn told(mut self, arguments: &[&str]) -> Self {
        self.told = Some(arguments.iter().map(|&argument| argument.to_owned()).collect());
        self
    }

    /// Its host and port.
    pub fn address(&self) -> String {
        let uri = Url::parse(&self.uri).expect("the broker's URI is one");
        format!("{}:{}", uri.host_str().unwrap_or_default(), uri.port().unwrap_or(5672))
    }

    /// Its URI with one part changed, for a test that wants to be refused.
    pub fn uri_with(&self, change: impl FnOnce(&mut Url)) -> String {
        let mut uri = Url::parse(&self.uri).expect("the broker's URI is one");
        change(&mut uri);
        uri.into()
    }

    /// What is in a queue. An error when there is no such queue, or no broker.
    pub async fn depth(&self, queue: &str) -> lapin::Result<Depth> {
        self.on_a_channel(async |channel| {
            let options = QueueDeclareOptions { passive: true, ..Default::default() };
            let queue = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
            Ok(Depth { messages: queue.message_count(), consumers: queue.consumer_count() })
        })
        .await
    }

    /// Puts a message of our own into a queue that exists.
    pub async fn publish(&self, queue: &str, body: &[u8]) {
        self.publish_all(queue, [body]).await;
    }

    /// Puts messages of our own into a queue that exists, in this order.
    pub async fn publish_all(&self, queue: &str, bodies: impl IntoIterator<Item = &[u8]>) {
        self.publish_by("", queue, bodies).await;
    }

    /// Gives a message of our own to an exchange that has a queue for it.
    pub async fn publish_to_exchange(&self, exchange: &str, body: &[u8]) {
        self.publish_by(exchange, "", [body]).await;
    }

    /// As `publish`, with these headers, whose values are texts.
    pub async fn publish_with(&self, queue: &str, body: &[u8], headers: &[(&str, &str)]) {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        self.publish_as("", queue, [body], BasicProperties::default().with_headers(table)).await;
    }

    async fn publish_by(&self, exchange: &str, key: &str, bodies: impl IntoIterator<Item = &[u8]>) {
        self.publish_as(exchange, key, bodies, BasicProperties::default()).await;
    }

    async fn publish_as(
        &self,
        exchange: &str,
        key: &str,
        bodies: impl IntoIterator<Item = &[u8]>,
        properties: BasicProperties,
    ) {
        self.on_a_channel(async |channel| {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            let mut confirmations = Vec::new();
            for body in bodies {
                let options = BasicPublishOptions { mandatory: true, ..Default::default() };
                let properties = properties.clone().with_delivery_mode(2);
                let publishing = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
                confirmations.push(publishing.await?);
            }
            for confirmation in confirmations {
                let confirmation = confirmation.await?;
                assert!(matches!(confirmation, Confirmation::Ack(None)), "{exchange} {key}: {confirmation:?}");
            }
            Ok(())
        })
        .await
        .expect("the broker takes messages");
    }

    /// Takes a message out of a queue; `None` when it is empty.
    pub async fn take(&self, queue: &str) -> Option<Vec<u8>> {
        self.on_a_channel(async |channel| {
            let message = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await?;
            Ok(message.map(|message| message.delivery.data))
        })
        .await
        .expect("the queue can be read")
    }

    /// Takes a message out of a queue and rejects it, as a downloader does that cannot read it; `None` when it is empty.
    pub async fn reject(&self, queue: &str) -> Option<Vec<u8>> {
        self.on_a_channel(async |channel| {
            let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
            let Some(message) = got else { return Ok(None) };
            message.delivery.acker.reject(BasicRejectOptions { requeue: false }).await?;
            Ok(Some(message.delivery.data))
        })
        .await
        .expect("the queue can be read")
    }

    /// How often each message that waits in a quorum queue was delivered before. Looking counts as a delivery.
    pub async fn delivery_counts(&self, queue: &str) -> Vec<i64> {
        self.on_a_channel(async |channel| {
            let mut counts = Vec::new();
            while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions { no_ack: false }).await? {
                let headers = message.delivery.properties.headers().clone().unwrap_or_default();
                counts.push(match headers.inner().get("x-delivery-count") {
                    Some(AMQPValue::LongLongInt(count)) => *count,
                    _ => 0,
                });
            }
            Ok(counts)
        })
        .await
        .expect("the queue can be read")
    }

    /// Takes the first message of a queue and gives it back, again and again, until the broker does so no more.
    pub async fn give_back_until_it_is_gone(&self, queue: &str) {
        self.on_a_channel(async |channel| {
            while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? {
                message.delivery.acker.reject(BasicRejectOptions { requeue: true }).await?;
            }
            Ok(())
        })
        .await
        .expect("the queue can be read");
    }

    /// Declares a durable queue of the classic type.
    pub async fn declare_classic(&self, queue: &str) {
        self.on_a_channel(async |channel| {
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            channel.queue_declare(queue.into(), options, FieldTable::default()).await
        })
        .await
        .expect("a queue can be declared");
    }

    /// Has an exchange give its messages to a queue too.
    pub async fn bind(&self, queue: &str, exchange: &str) {
        self.on_a_channel(async |channel| {
            let options = QueueBindOptions::default();
            channel.queue_bind(queue.into(), exchange.into(), "".into(), options, FieldTable::default()).await
        })
        .await
        .expect("a queue can be bound");
    }

    /// Deletes a queue with all that is in it.
    pub async fn delete(&self, queue: &str) {
        self.on_a_channel(async |channel| channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await)
            .await
            .expect("a queue can be deleted");
    }

    async fn on_a_channel<T>(&self, act: impl AsyncFnOnce(&Channel) -> lapin::Result<T>) -> lapin::Result<T> {
        let connection = Connection::connect(&self.uri, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let result = act(&channel).await;
        connection.close(200, "bye".into()).await?;
        result
    }
}
