//! Crontab expressions in a named time zone, right across the days when clocks change.
//!
//! `croner` reads the expression and walks the calendar; the rules for missing and repeated times are here, because
//! croner has them for single times of day only (`30 2 * * *`, not `30 2,14 * * *`).

use std::fmt;

use croner::parser::CronParser;
use croner::parser::Seconds;
use croner::parser::Year;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;
use jiff::tz::TimeZone;

/// Why a text is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("expected 5 fields (minute hour day month weekday) or a name such as @daily, found {found}")]
    Fields {
        /// How many there are.
        found: usize,
    },
    /// A field cannot be read.
    #[error("{0}")]
    Invalid(String),
    /// It matches no date.
    #[error("no date matches it")]
    Never,
}

/// A five-field crontab expression in a time zone.
///
/// * A time that the clock skips runs once, at the first instant after the gap.
/// * A time that the clock shows twice runs once, the first time.
/// * If every hour matches (`*/15 * * * *`), time goes on regardless of the clock: what is skipped is left out, and
///   both hours of a repeated hour run. Anything else would leave a gap of an hour in something that runs all day.
#[derive(Clone, PartialEq)]
pub struct Cron {
    pattern: Box<croner::Cron>,
    text: String,
    time_zone: TimeZone,
}

impl Cron {
    /// Reads an expression such as `30 3 * * mon-fri`. Beside the crontab's own syntax it may use `L`, `W`, `#` and
    /// the names `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`; it may not have seconds or years.
    ///
    /// # Errors
    /// Fails if the text is no such expression, or one that never matches, as `0 0 30 2 *` does.
    pub fn parse(text: &str, time_zone: TimeZone) -> Result<Self, CronError> {
        let text = text.trim().to_owned();
        let found = text.split_whitespace().count();
        if found != 5 && !text.starts_with('@') {
            return Err(CronError::Fields { found });
        }
        let pattern = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&text)
            .map_err(|error| CronError::Invalid(error.to_string().trim_end_matches('.').to_owned()))?;
        let cron = Self { pattern: Box::new(pattern), text, time_zone };
        match cron.clock_time_after(DateTime::constant(2000, 1, 1, 0, 0, 0, 0)) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never),
        }
    }

    /// Returns the expression as written.
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// Returns the zone whose clock it follows.
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// Returns the first run after the instant, or the end of time.
    pub fn after(&self, instant: Timestamp) -> Timestamp {
        let next = if self.pattern.pattern.hours.values().len() == 24 {
            let from = instant.to_zoned(self.time_zone.clone());
            self.pattern.find_next_occurrence(&from, false).ok().map(|next| next.timestamp())
        } else {
            self.after_by_the_clock(instant)
        };
        next.unwrap_or(Timestamp::MAX)
    }

    /// Walks the times on the clock until one stands for an instant that is still to come. In a repeated hour the
    /// first ones do not: they were run when the clock showed them for the first time.
    fn after_by_the_clock(&self, instant: Timestamp) -> Option<Timestamp> {
        let mut clock = instant.to_zoned(self.time_zone.clone()).datetime();
        loop {
            clock = self.clock_time_after(clock)?;
            let run = self.run_at(clock)?;
            if run > instant {
                return Some(run);
            }
        }
    }

    /// Returns the next matching time on a clock that never changes.
    fn clock_time_after(&self, clock: DateTime) -> Option<DateTime> {
        self.pattern.find_next_occurrence(&clock, false).ok()
    }

    /// Returns the one instant at which a time on the clock is run.
    fn run_at(&self, clock: DateTime) -> Option<Timestamp> {
        let meant = self.time_zone.to_ambiguous_timestamp(clock);
        match meant.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => meant.earlier().ok(),
            AmbiguousOffset::Gap { .. } => {
                let before_the_gap = meant.earlier().ok()?;
                let change = self.time_zone.following(before_the_gap).next()?;
                Some(change.timestamp())
            }
        }
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({self})")
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.time_zone.iana_name() {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}
