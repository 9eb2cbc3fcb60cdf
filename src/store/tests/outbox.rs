use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::core::run::EventFilter;
use crate::ports::Delivery;
use crate::ports::Due;
use crate::ports::FailedDelivery;
use crate::ports::NextTry;

fn route(provider: &str, patterns: &[&str]) -> Route {
    let filter = EventFilter::new(patterns.iter().copied()).expect("patterns");
    Route::new(provider, filter)
}

fn store_with(routes: &[Route]) -> Store {
    let store = memory_store();
    store.set_providers(routes).expect("providers");
    store
}

fn tell(store: &Store, name: &str, second: i64) {
    store.record(Change::at(at(second)).event(draft(EventType::DeploySucceeded, name))).expect("recorded");
}

fn now(store: &Store, provider: &str, second: i64) -> Delivery {
    match store.due(provider, at(second)).expect("a read") {
        Due::Now(delivery) => *delivery,
        other => panic!("{other:?}"),
    }
}

fn place(delivery: &Delivery) -> (String, u64) {
    (delivery.event.involved_object.name.clone(), delivery.event.sequence)
}

fn retry(second: i64, provider_down: bool) -> FailedDelivery {
    FailedDelivery { error: "status 500".into(), next: NextTry::At { at: at(second), provider_down } }
}

#[test]
fn a_failed_event_blocks_its_stack_and_no_other() {
    let store = store_with(&[route("ops", &["*"])]);
    for (second, name) in [(1, "media"), (2, "media"), (3, "web")] {
        tell(&store, name, second);
    }
    let first = now(&store, "ops", 4);
    assert_eq!(place(&first), ("media".into(), 1));
    store.failed(&first, &retry(60, false)).expect("recorded");
    let other = now(&store, "ops", 4);
    assert_eq!(place(&other), ("web".into(), 1));
    store.delivered(&other, at(5)).expect("recorded");
    assert_eq!(store.due("ops", at(6)).expect("a read"), Due::At(at(60)));
    let again = now(&store, "ops", 60);
    assert_eq!((place(&again), again.attempts), (("media".into(), 1), 1));
    assert_eq!(again.body, first.body);
    store.delivered(&again, at(61)).expect("recorded");
    assert_eq!(place(&now(&store, "ops", 61)), ("media".into(), 2));
}

#[test]
fn a_provider_that_is_down_holds_all_back_until_it_is_seen_again() {
    let store = store_with(&[route("ops", &["*"]), route("phone", &["*"])]);
    for (second, name) in [(1, "a"), (2, "b"), (3, "c")] {
        tell(&store, name, second);
    }
    let first = now(&store, "ops", 4);
    store.failed(&first, &retry(900, true)).expect("recorded");
    assert_eq!(store.due("ops", at(5)).expect("a read"), Due::At(at(900)));
    assert_eq!(place(&now(&store, "phone", 5)).0, "a", "another provider is not held back");
    tell(&store, "d", 6);
    let news = now(&store, "ops", 6);
    assert_eq!(place(&news).0, "d", "news is tried at once");
    store.delivered(&news, at(7)).expect("recorded");
    assert_eq!(place(&now(&store, "ops", 7)).0, "a", "the rest follows at once");
}

#[test]
fn an_event_of_its_own_fault_is_not_tried_at_each_success_of_others() {
    let store = store_with(&[route("ops", &["*"])]);
    tell(&store, "a", 1);
    tell(&store, "b", 1);
    let refused = now(&store, "ops", 2);
    store.failed(&refused, &retry(900, false)).expect("recorded");
    let good = now(&store, "ops", 2);
    store.delivered(&good, at(3)).expect("recorded");
    assert_eq!(store.due("ops", at(4)).expect("a read"), Due::At(at(900)));
}

#[test]
fn an_event_that_is_given_up_stays_visible_and_blocks_nothing() {
    let store = store_with(&[route("ops", &["*"])]);
    tell(&store, "a", 1);
    tell(&store, "a", 2);
    let first = now(&store, "ops", 3);
    let failure = FailedDelivery { error: "status 410".into(), next: NextTry::Never };
    store.failed(&first, &failure).expect("recorded");
    assert_eq!(place(&now(&store, "ops", 3)), ("a".into(), 2));
    let dead = store.read().dead_letters(9).expect("a read");
    assert_eq!((dead.len(), dead[0].attempts, dead[0].error.as_str()), (1, 1, "status 410"));
    let backlog = store.read().backlog().expect("a read");
    assert_eq!((backlog[0].pending, backlog[0].dead, backlog[0].oldest), (1, 1, Some(at(2))));
}

#[test]
fn each_provider_gets_what_its_patterns_want_from_its_start_on() {
    let store = store_with(&[route("drift", &["drift.*"])]);
    tell(&store, "a", 1);
    assert_eq!(store.due("drift", at(2)).expect("a read"), Due::Nothing);
    store.set_providers(&[route("drift", &["drift.*"]), route("late", &["*"])]).expect("providers");
    assert_eq!(store.due("late", at(2)).expect("a read"), Due::Nothing);
    tell(&store, "a", 3);
    assert_eq!(place(&now(&store, "late", 3)), ("a".into(), 2));
}

#[test]
fn what_a_removed_provider_has_not_got_is_dropped_and_counted() {
    let store = store_with(&[route("ops", &["*"])]);
    tell(&store, "a", 1);
    assert_eq!(store.set_providers(&[route("ops", &["*"])]).expect("the same"), 0);
    assert_eq!(place(&now(&store, "ops", 2)).0, "a");
    assert_eq!(store.set_providers(&[]).expect("none"), 1);
    assert!(store.read().backlog().expect("a read").is_empty());
}

#[test]
fn old_events_are_forgotten_but_for_those_that_somebody_waits_for() {
    let store = store_with(&[route("ops", &["drift.*"])]).with_retention(Retention { events: 3, runs: 3 });
    store.record(Change::at(at(1)).event(draft(EventType::DriftDetected, "a"))).expect("recorded");
    for second in 2..9 {
        tell(&store, "a", second);
    }
    let events = store.read().events(&EventQuery::newest(99)).expect("events");
    let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [1, 6, 7, 8]);
    let waiting = now(&store, "ops", 9);
    assert_eq!(waiting.event.sequence, 1);
    store.delivered(&waiting, at(9)).expect("recorded");
    tell(&store, "a", 10);
    assert_eq!(store.read().events(&EventQuery::newest(99)).expect("events").len(), 3);
}

#[test]
fn what_was_not_confirmed_before_a_crash_is_sent_again_with_the_same_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.db");
    let store = open(&path).store;
    store.set_providers(&[route("ops", &["*"])]).expect("providers");
    tell(&store, "a", 1);
    let sent = now(&store, "ops", 2);
    drop(store);
    assert_eq!(now(&open(&path).store, "ops", 3), sent);
}

#[test]
fn a_long_backlog_is_worked_off_without_reading_all_of_it_each_time() {
    let store = store_with(&[route("ops", &["*"])]);
    let told = Change::at(at(1));
    let change = (0..4_000).fold(told, |change, _| change.event(draft(EventType::DeploySucceeded, "a")));
    store.record(change).expect("recorded");
    let started = tokio::time::Instant::now();
    for sequence in 1..=10 {
        let delivery = now(&store, "ops", 2);
        assert_eq!(delivery.event.sequence, sequence);
        store.delivered(&delivery, at(2)).expect("recorded");
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn appending_wakes_who_waits() {
    let store = store_with(&[]);
    let watch = crate::ports::Outbox::appended(&store);
    tell(&store, "a", 1);
    assert!(watch.has_changed().expect("the store is there"));
}

/// What happens in the property test: an event of a stack, or a try that succeeds or fails.
#[derive(Debug, Clone)]
enum Move {
    Tell(u8),
    Succeed,
    Fail { wait: i64, provider_down: bool },
    GiveUp,
    Wait(i64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => (0u8..4).prop_map(Move::Tell),
        3 => Just(Move::Succeed),
        2 => (1i64..50, any::<bool>()).prop_map(|(wait, provider_down)| Move::Fail { wait, provider_down }),
        1 => Just(Move::GiveUp),
        2 => (0i64..30).prop_map(Move::Wait),
    ];
    prop::collection::vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_event_is_delivered_once_and_in_order_per_stack_or_given_up(moves in moves()) {
        let store = store_with(&[route("ops", &["*"])]);
        let mut clock = 0;
        let mut told = 0;
        let mut got: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut given_up = 0;
        for one in moves {
            let due = match store.due("ops", at(clock)).expect("a read") {
                Due::Now(delivery) => Some(delivery),
                _ => None,
            };
            match (one, due) {
                (Move::Tell(name), _) => {
                    tell(&store, &format!("s{name}"), clock);
                    told += 1;
                }
                (Move::Wait(seconds), _) => clock += seconds,
                (_, None) => {}
                (Move::Succeed, Some(delivery)) => {
                    store.delivered(&delivery, at(clock)).expect("recorded");
                    let (name, sequence) = place(&delivery);
                    got.entry(name).or_default().push(sequence);
                }
                (Move::Fail { wait, provider_down }, Some(delivery)) => {
                    store.failed(&delivery, &retry(clock + wait, provider_down)).expect("recorded");
                }
                (Move::GiveUp, Some(delivery)) => {
                    let failure = FailedDelivery { error: "no".into(), next: NextTry::Never };
                    store.failed(&delivery, &failure).expect("recorded");
                    given_up += 1;
                }
            }
        }
        clock += 1_000;
        while let Due::Now(delivery) = store.due("ops", at(clock)).expect("a read") {
            store.delivered(&delivery, at(clock)).expect("recorded");
            let (name, sequence) = place(&delivery);
            got.entry(name).or_default().push(sequence);
        }
        for numbers in got.values() {
            prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        }
        prop_assert_eq!(got.values().map(Vec::len).sum::<usize>() + given_up, told);
    }
}

#[test]
fn a_provider_gets_only_what_it_was_limited_to() {
    let of = |name: &str| crate::core::model::StackName::new(name).expect("a name");
    let store = store_with(&[Route { stacks: vec![of("media")], ..route("ops", &["*"]) }]);
    tell(&store, "web", 1);
    tell(&store, "media", 2);
    assert_eq!(place(&now(&store, "ops", 3)), ("media".into(), 1));
    let pending: Vec<u64> = store.read().backlog().expect("a read").iter().map(|b| b.pending).collect();
    assert_eq!(pending, [1]);
}
