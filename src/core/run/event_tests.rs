use super::*;
use crate::core::model::CommitId;
use crate::core::model::Secret;
use crate::core::model::StackName;

fn stack() -> StackId {
    StackId::new(SourceName::new("homelab").expect("a name"), StackName::new("media").expect("a name"))
}

fn revision(digit: char) -> Revision {
    let id = CommitId::parse(&digit.to_string().repeat(40)).expect("an id");
    Revision::of("main", id)
}

fn stamp(byte: u8) -> Stamp {
    let at: Timestamp = "2026-09-01T10:15:02Z".parse().expect("a time");
    Stamp { id: Ulid::new(at, [byte; 10]), at, sequence: 7, run: None, instance: "nas".into() }
}

fn builder(kind: EventType) -> EventBuilder {
    EventBuilder::new(kind, ObjectRef::stack(&stack()), "media: restored")
        .revision(revision('a'), Some(revision('b')))
}

fn key(builder: EventBuilder, byte: u8) -> String {
    builder.finish(&Redactor::default()).stamp(stamp(byte)).dedupe_key
}

#[test]
fn the_json_is_the_contract() {
    let event = builder(EventType::DeployRolledBack)
        .commit("Ada", "web: 1.29")
        .initiator(Initiator::Webhook)
        .changes([ObjectChange {
            object: "service/web".into(),
            action: "replace".into(),
            cause: "image: nginx:1.27 → nginx:1.29".into(),
            fields: vec!["image".into()],
        }])
        .health(HealthReport {
            object: "service/web".into(),
            state: "unhealthy".into(),
            log: vec!["bind: permission denied".into()],
        })
        .finish(&Redactor::default())
        .stamp(Stamp { run: Some(stamp(1).id), ..stamp(2) });
    insta::assert_snapshot!(serde_json::to_string_pretty(&event).expect("json"));
    let text = serde_json::to_string(&event).expect("json");
    assert_eq!(serde_json::from_str::<Event>(&text).expect("the same event"), event);
}

#[test]
fn no_secret_gets_into_an_event() {
    let redactor = Redactor::new([Secret::new("hunter22")]);
    let event = builder(EventType::DeployFailed)
        .reason("GateFailed")
        .commit("hunter22", "hunter22")
        .changes([ObjectChange {
            object: "hunter22".into(),
            action: "replace".into(),
            cause: "hunter22".into(),
            fields: vec!["hunter22".into()],
        }])
        .health(HealthReport {
            object: "hunter22".into(),
            state: "hunter22".into(),
            log: vec!["password=hunter22".into()],
        })
        .finish(&redactor)
        .stamp(stamp(1));
    assert!(!serde_json::to_string(&event).expect("json").contains("hunter22"));
}

#[test]
fn a_deploy_told_again_has_the_same_key_and_another_revision_has_not() {
    let kind = EventType::DeployFailed;
    assert_eq!(key(builder(kind), 1), key(builder(kind), 2));
    assert_ne!(key(builder(kind), 1), key(builder(kind).revision(revision('c'), None), 1));
    assert_ne!(key(builder(kind), 1), key(builder(EventType::DeploySucceeded), 1));
}

#[test]
fn what_can_happen_again_has_a_key_of_its_own_each_time() {
    let kind = EventType::HealthDegraded;
    assert_ne!(key(builder(kind), 1), key(builder(kind), 2));
    assert_eq!(key(builder(kind).occurrence("x"), 1), key(builder(kind).occurrence("x"), 2));
}

#[test]
fn the_newest_lines_of_a_long_log_are_kept() {
    let log: Vec<String> = (0..50).map(|line| line.to_string()).collect();
    let health = HealthReport { object: "service/web".into(), state: "unhealthy".into(), log };
    let event = builder(EventType::DeployFailed).health(health).finish(&Redactor::default()).stamp(stamp(1));
    let log = event.health.expect("health").log;
    assert_eq!((log.len(), log[0].as_str(), log[19].as_str()), (20, "30", "49"));
}

#[test]
fn long_texts_are_cut() {
    let object = ObjectRef::stack(&stack());
    let event = EventBuilder::new(EventType::DeployFailed, object, "é".repeat(9_000))
        .finish(&Redactor::default())
        .stamp(stamp(1));
    assert_eq!(event.message.chars().count(), 4_001);
}
