//! The engine's event stream. Hints to look, never facts to build on: it replays 256 events at most, and ends when
//! the engine restarts.

use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::READ_DEADLINE;
use super::within;
use crate::ports::EngineError;
use crate::ports::EngineEvent;

/// Follows what happens from now on, on this host's clock: the request itself goes out when the stream is first
/// polled, and what happened until then is replayed.
pub(super) async fn follow(docker: &Docker) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
    within(READ_DEADLINE, "ping", docker.ping()).await?;
    let now = Timestamp::now();
    let since = format!("{}.{:09}", now.as_second(), now.subsec_nanosecond());
    let messages = docker.events(Some(EventsOptionsBuilder::new().since(&since).build()));
    Ok(messages.take_while(|message| std::future::ready(message.is_ok())).filter_map(event).boxed())
}

async fn event(message: Result<EventMessage, bollard::errors::Error>) -> Option<EngineEvent> {
    let message = message.ok()?;
    let actor = message.actor.unwrap_or_default();
    Some(EngineEvent {
        kind: message.typ.map(|kind| kind.to_string()).unwrap_or_default(),
        action: message.action.unwrap_or_default(),
        id: actor.id.unwrap_or_default(),
        attributes: actor.attributes.unwrap_or_default().into_iter().collect(),
    })
}
