//! What the demo prints of an event. Text in, text out.

use crate::core::run::EventType;

use super::receiver::Webhook;

/// Returns one line for a webhook: its type, whether its signature holds, and the line that says most. Of a plan, that
/// is the last one, which counts.
pub(super) fn webhook(webhook: &Webhook) -> String {
    let signature = if webhook.signed { "signature ok" } else { "SIGNATURE WRONG" };
    let kind = webhook.event.kind.as_str();
    let mut lines = webhook.event.message.lines();
    let line = if webhook.event.kind == EventType::PlanCreated { lines.next_back() } else { lines.next() };
    format!("  {kind:<19} {signature}  {}\n", line.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::model::Redactor;
    use crate::core::run::Event;
    use crate::core::run::EventBuilder;
    use crate::core::run::ObjectKind;
    use crate::core::run::ObjectRef;
    use crate::core::run::Stamp;
    use crate::core::run::Ulid;

    fn event(kind: EventType, message: &str) -> Event {
        let object = ObjectRef::other(ObjectKind::Controller, "demo");
        let at = jiff::Timestamp::UNIX_EPOCH;
        let stamp = Stamp { id: Ulid::new(at, [0; 10]), at, sequence: 1, run: None, instance: "demo".into() };
        EventBuilder::new(kind, object, message).finish(&Redactor::default()).stamp(stamp)
    }

    #[test]
    fn a_webhook_is_told_in_a_line() {
        let planned =
            event(EventType::PlanCreated, "  -/+ container x\n        image\nPlan: 1 to replace.\n");
        let rolled_back = event(EventType::DeployRolledBack, "web is unhealthy\nmore");
        let told = [(&planned, true), (&rolled_back, true), (&rolled_back, false)]
            .map(|(event, signed)| webhook(&Webhook { event: event.clone(), signed }));
        insta::assert_snapshot!(told.concat(), @r"
        plan.created        signature ok  Plan: 1 to replace.
        deploy.rolled_back  signature ok  web is unhealthy
        deploy.rolled_back  SIGNATURE WRONG  web is unhealthy
        ");
    }
}
