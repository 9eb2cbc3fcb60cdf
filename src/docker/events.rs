//! The engine's event stream. Hints to look, never facts to build on: it replays 256 events at most, and ends when
//! the engine restarts.

use std::collections::BTreeMap;

use axum::body::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::Deserialize;

use super::DockerEngine;
use super::READ_DEADLINE;
use super::within;
use crate::ports::EngineError;
use crate::ports::EngineEvent;

/// One line of the stream.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Message {
    r#type: String,
    action: String,
    actor: Actor,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes")]
    attributes: BTreeMap<String, String>,
}

impl DockerEngine {
    /// Follows what happens from now on, on this host's clock: the request itself goes out when the stream is first
    /// polled, and what happened until then is replayed.
    pub(super) async fn follow_events(&self) -> Result<BoxStream<'static, EngineEvent>, EngineError> {
        within(READ_DEADLINE, "ping", self.docker.ping()).await?;
        let now = Timestamp::now();
        let parts =
            self.bytes(&format!("/events?since={}.{:09}", now.as_second(), now.subsec_nanosecond()))?;
        let mut unfinished = Vec::new();
        let events = parts
            .take_while(|part| std::future::ready(part.is_ok()))
            .flat_map(move |part| stream::iter(complete(&mut unfinished, &part.unwrap_or_default())));
        Ok(events.boxed())
    }
}

/// Returns the events that the part completes. What is no event is passed over.
fn complete(unfinished: &mut Vec<u8>, part: &Bytes) -> Vec<EngineEvent> {
    unfinished.extend_from_slice(part);
    let Some(end) = unfinished.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
    let rest = unfinished.split_off(end + 1);
    let lines = std::mem::replace(unfinished, rest);
    lines.split(|byte| *byte == b'\n').filter_map(event).collect()
}

fn event(line: &[u8]) -> Option<EngineEvent> {
    let message: Message = serde_json::from_slice(line).ok()?;
    Some(EngineEvent {
        kind: message.r#type,
        action: message.action,
        id: message.actor.id,
        attributes: message.actor.attributes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_when_its_line_is_complete_and_what_is_none_is_passed_over() {
        let mut unfinished = Vec::new();
        let mut told = |part: &'static str| -> Vec<String> {
            let events = complete(&mut unfinished, &Bytes::from_static(part.as_bytes()));
            events.iter().map(|event| format!("{} {} {}", event.kind, event.action, event.id)).collect()
        };
        let first =
            r#"{"Type":"container","Action":"die","Actor":{"ID":"c1","Attributes":{"exitCode":"1"}}}"#;
        assert_eq!(told(&first[..20]), Vec::<String>::new());
        assert_eq!(told(&first[20..]), Vec::<String>::new(), "the line may go on");
        let rest = "\nnonsense\n{\"Type\":\"sandbox\",\"Action\":\"of tomorrow\"}\n{\"Type\":";
        assert_eq!(told(rest), ["container die c1", "sandbox of tomorrow "]);
        assert_eq!(told("\"image\"}\n"), ["image  "]);
    }
}
