use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::Backoff;
use super::Cron;
use super::CronError;
use super::Schedule;

const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "UTC"];

fn cron(text: &str, zone: &str) -> Cron {
    Cron::parse(text, TimeZone::get(zone).expect("a known zone")).expect("an expression")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

/// Returns the runs from one instant to another, the last one excluded.
fn runs(cron: &Cron, from: &str, to: &str) -> Vec<String> {
    let mut instant = at(from);
    let mut found = Vec::new();
    loop {
        instant = cron.after(instant);
        if instant >= at(to) {
            return found;
        }
        found.push(instant.to_zoned(cron.time_zone().clone()).strftime("%d %H:%M %:z").to_string());
    }
}

#[test]
fn an_interval_is_due_at_once_and_then_so_long_after_the_last_run() {
    let every = Schedule::every(Duration::from_secs(100));
    let last = at("2026-01-01T00:00:00Z");
    assert_eq!(every.next_due(None, last, 0.5), last);
    assert_eq!(every.next_due(Some(last), last, 0.0), at("2026-01-01T00:01:35Z"));
    assert_eq!(every.next_due(Some(last), last, 0.5), at("2026-01-01T00:01:40Z"));
    assert_eq!(every.next_due(Some(last), last, 1.0), at("2026-01-01T00:01:45Z"));
}

#[test]
fn what_was_missed_is_due_once_and_now() {
    let last = at("2026-01-01T00:00:00Z");
    let now = at("2026-01-09T09:09:09Z");
    for schedule in
        [Schedule::every(Duration::from_mins(1)), Schedule::Cron(cron("0 3 * * *", "Europe/Berlin"))]
    {
        assert_eq!(schedule.next_due(Some(last), now, 0.5), now);
        assert!(schedule.next_due(Some(now), now, 0.5) > now);
    }
}

#[test]
fn a_clock_set_back_repeats_no_cron_run_and_makes_no_interval_longer() {
    let last = at("2026-01-01T03:00:00Z");
    let now = at("2026-01-01T01:00:00Z");
    let nightly = Schedule::Cron(cron("0 3 * * *", "UTC"));
    assert_eq!(nightly.next_due(Some(last), now, 0.5), at("2026-01-02T03:00:00Z"));
    let every = Schedule::every(Duration::from_mins(1));
    assert_eq!(every.next_due(Some(last), now, 0.5), at("2026-01-01T01:01:00Z"));
}

#[test]
fn a_cron_schedule_that_never_ran_waits_for_its_time() {
    let nightly = Schedule::Cron(cron("0 3 * * *", "Europe/Berlin"));
    assert_eq!(nightly.next_due(None, at("2026-01-01T12:00:00Z"), 0.5), at("2026-01-02T02:00:00Z"));
}

#[test]
fn a_time_in_the_gap_runs_once_at_the_first_instant_after_it() {
    // Berlin: 02:00 -> 03:00 on 29 March 2026.
    let berlin =
        |text: &str| runs(&cron(text, "Europe/Berlin"), "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    assert_eq!(berlin("30 2 * * *"), ["29 03:00 +02:00", "30 02:30 +02:00"]);
    assert_eq!(
        berlin("30 2,14 * * *"),
        ["28 14:30 +01:00", "29 03:00 +02:00", "29 14:30 +02:00", "30 02:30 +02:00"]
    );
    assert_eq!(berlin("0,20,40 2 * * *")[0], "29 03:00 +02:00");
    assert_eq!(berlin("0,20,40 2 * * *").len(), 4);
    assert_eq!(berlin("0 2,3 * * *"), ["29 03:00 +02:00", "30 02:00 +02:00", "30 03:00 +02:00"]);
    // New York: 02:00 -> 03:00 on 8 March 2026.
    let new_york = cron("15 2 * * *", "America/New_York");
    assert_eq!(runs(&new_york, "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"), ["08 03:00 -04:00"]);
    // Lord Howe: 02:00 -> 02:30 on 4 October 2026.
    let lord_howe = cron("15 2 * * *", "Australia/Lord_Howe");
    assert_eq!(runs(&lord_howe, "2026-10-03T12:00:00Z", "2026-10-04T12:00:00Z"), ["04 02:30 +11:00"]);
}

#[test]
fn a_repeated_time_runs_once() {
    // Berlin: 03:00 -> 02:00 on 25 October 2026.
    let berlin =
        |text: &str| runs(&cron(text, "Europe/Berlin"), "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
    assert_eq!(berlin("30 2 * * *"), ["25 02:30 +02:00"]);
    assert_eq!(
        berlin("0,30 2,3 * * *"),
        ["25 02:00 +02:00", "25 02:30 +02:00", "25 03:00 +01:00", "25 03:30 +01:00"]
    );
    // New York: 02:00 -> 01:00 on 1 November 2026.
    let new_york = cron("30 1 * * *", "America/New_York");
    assert_eq!(runs(&new_york, "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"), ["01 01:30 -04:00"]);
    // Lord Howe: 02:00 -> 01:30 on 5 April 2026.
    let lord_howe = cron("45 1 * * *", "Australia/Lord_Howe");
    assert_eq!(runs(&lord_howe, "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z"), ["05 01:45 +11:00"]);
}

#[test]
fn what_runs_every_hour_follows_time_and_not_the_clock() {
    let hourly = cron("@hourly", "Europe/Berlin");
    assert_eq!(
        runs(&hourly, "2026-03-28T23:30:00Z", "2026-03-29T02:00:00Z"),
        ["29 01:00 +01:00", "29 03:00 +02:00"]
    );
    assert_eq!(
        runs(&hourly, "2026-10-24T23:30:00Z", "2026-10-25T02:00:00Z"),
        ["25 02:00 +02:00", "25 02:00 +01:00"]
    );
}

#[test]
fn an_instant_between_the_two_passes_of_a_repeated_hour_is_not_run_again() {
    let nightly = cron("30 2 * * *", "Europe/Berlin");
    let second_pass = at("2026-10-25T01:10:00Z");
    assert_eq!(nightly.after(second_pass), at("2026-10-26T01:30:00Z"));
}

#[test]
fn a_day_that_a_zone_left_out_runs_once() {
    // Samoa had no 30 December 2011.
    let samoa = cron("0 9,18 30 12 *", "Pacific/Apia");
    assert_eq!(runs(&samoa, "2011-12-01T00:00:00Z", "2012-12-01T00:00:00Z"), ["31 00:00 +14:00"]);
}

#[test]
fn only_five_fields_are_taken_and_only_if_they_can_match() {
    let parse = |text: &str| Cron::parse(text, TimeZone::UTC);
    assert_eq!(parse("0 0 3 * * *"), Err(CronError::Fields { found: 6 }));
    assert_eq!(parse(""), Err(CronError::Fields { found: 0 }));
    assert_eq!(parse("0 0 30 2 *"), Err(CronError::Never));
    for bad in ["61 * * * *", "* 24 * * *", "@often", "a b c d e", "*/0 * * * *", "5-1 * * * *"] {
        assert!(
            matches!(parse(bad), Err(CronError::Invalid(_) | CronError::Never)),
            "{bad}: {:?}",
            parse(bad)
        );
    }
    for good in ["0 3 * * mon-fri", "*/5 * * * *", "0 0 L * *", "@daily", "0 0 29 2 *", "0 4 * * 7"] {
        assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
    }
}

#[test]
fn the_bound_of_a_backoff_doubles_up_to_its_cap() {
    let backoff = Backoff::new(Duration::from_secs(5), Duration::from_mins(1));
    let bounds: Vec<u64> = (0..7).map(|failures| backoff.bound(failures).as_secs()).collect();
    assert_eq!(bounds, [5, 5, 10, 20, 40, 60, 60]);
    assert_eq!(backoff.bound(u32::MAX).as_secs(), 60);
    assert_eq!(backoff.at_most(Duration::from_secs(15)).bound(3).as_secs(), 15);
    assert_eq!(backoff.at_most(Duration::from_secs(1)).bound(3).as_secs(), 5, "never below its base");
    assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(10));
}

fn some_instant() -> impl Strategy<Value = Timestamp> {
    // 1990 to 2060, in milliseconds, and often within hours of a change of clocks.
    let anywhere = 631_152_000_000_i64..2_840_140_800_000;
    let changes =
        (2000_i16..2050, 0_usize..ZONES.len(), -10_000_000_i64..10_000_000).prop_map(|(year, zone, off)| {
            let zone = TimeZone::get(ZONES[zone]).expect("a known zone");
            let start = date(year, 1, 1).to_zoned(TimeZone::UTC).expect("a date").timestamp();
            let change = zone.following(start).next().map_or(start, |change| change.timestamp());
            change.as_millisecond() + off
        });
    prop_oneof![anywhere, changes].prop_map(|ms| Timestamp::from_millisecond(ms).expect("in range"))
}

fn some_expression() -> impl Strategy<Value = String> {
    let minute = prop_oneof!["[0-5]?[0-9]", "\\*", "\\*/(5|7|15)", "(5|10),(20|45)"];
    let hour = prop_oneof!["1?[0-9]", "\\*", "\\*/(2|3|5)", "(1|2),(3|14)", "0-6"];
    let day = prop_oneof![Just("*".to_owned()), "[1-9]", Just("L".to_owned())];
    let weekday = prop_oneof![Just("*".to_owned()), "[0-7]", Just("sun".to_owned())];
    (minute, hour, day, weekday).prop_map(|(m, h, d, w)| format!("{m} {h} {d} * {w}"))
}

proptest! {
    #[test]
    fn the_next_run_is_later_and_no_run_lies_between(
        expression in some_expression(),
        zone in 0..ZONES.len(),
        instant in some_instant(),
        part in 0.0..1.0_f64,
    ) {
        let cron = cron(&expression, ZONES[zone]);
        let next = cron.after(instant);
        prop_assert!(next > instant);
        let between = instant + next.duration_since(instant).mul_f64(part);
        if between < next {
            prop_assert_eq!(cron.after(between), next);
        }
    }

    #[test]
    fn a_run_is_at_a_matching_minute_or_at_a_change_of_clocks(
        expression in some_expression(),
        zone in 0..ZONES.len(),
        instant in some_instant(),
    ) {
        let cron = cron(&expression, ZONES[zone]);
        let next = cron.after(instant);
        let pattern: croner::Cron = expression.parse().expect("an expression");
        let matches = pattern.is_time_matching(&next.to_zoned(cron.time_zone().clone())).expect("a time");
        let change = cron.time_zone().preceding(next + Duration::from_nanos(1)).next();
        prop_assert!(matches || change.is_some_and(|change| change.timestamp() == next), "{cron} at {next}");
    }

    #[test]
    fn a_schedule_never_looks_back_and_never_waits_longer_than_its_interval(
        last in proptest::option::of(some_instant()),
        now in some_instant(),
        seconds in 1_u64..10_000_000,
        random in proptest::num::f64::ANY,
    ) {
        let due = Schedule::every(Duration::from_secs(seconds)).next_due(last, now, random);
        prop_assert!(due >= now);
        prop_assert!(due.duration_since(now).as_secs_f64() <= 1.051 * Duration::from_secs(seconds).as_secs_f64());
    }

    #[test]
    fn a_delay_is_never_longer_than_its_bound(
        base in 0_u64..u64::MAX,
        cap in 0_u64..u64::MAX,
        failures in any::<u32>(),
        random in proptest::num::f64::ANY,
    ) {
        let backoff = Backoff::new(Duration::from_millis(base), Duration::from_millis(cap));
        prop_assert!(backoff.delay(failures, random) <= backoff.bound(failures));
        prop_assert!(backoff.bound(failures) <= Duration::from_millis(cap));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}", fields in "[*/0-9,LW#+?a-z@ -]{0,24}") {
        drop(Cron::parse(&text, TimeZone::UTC));
        drop(Cron::parse(&fields, TimeZone::UTC));
    }
}
