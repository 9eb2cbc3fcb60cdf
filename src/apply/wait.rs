//! Waiting at a gate: look, let the core decide, look again.

use std::time::Duration;

use tokio::time::Instant;

use super::LOOK_EVERY;
use super::Reason;
use crate::core::plan::Gate;
use crate::core::plan::gate::Progress;
use crate::core::plan::gate::Verdict;
use crate::ports::Engine;

/// The engine may be away for so long before a wait gives up: its absence is not the service's failure.
const ENGINE_AWAY: Duration = Duration::from_secs(30);

/// Waits until the gate passes.
///
/// # Errors
/// Fails when the core says that it will not pass, or when the engine stays away.
pub(super) async fn at_gate(engine: &dyn Engine, gate: &Gate) -> Result<(), Reason> {
    let begun = Instant::now();
    let mut progress = Progress::default();
    let mut away_since = None;
    let mut pause = Duration::from_millis(20);
    loop {
        match engine.inspect(&gate.container).await {
            Ok(found) => {
                away_since = None;
                match progress.look(gate, found.as_ref(), begun.elapsed()) {
                    Verdict::Waiting => {}
                    Verdict::Passed => return Ok(()),
                    Verdict::Failed(why) => return Err(Reason::Gate(with_output(why, found.as_ref()))),
                }
            }
            Err(error) if error.is_transient() => {
                let since = *away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > ENGINE_AWAY {
                    return Err(Reason::Engine(error));
                }
            }
            Err(error) => return Err(Reason::Engine(error)),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_EVERY);
    }
}

/// A failing health check's last words say more than the verdict.
fn with_output(why: String, found: Option<&crate::core::observed::Container>) -> String {
    match found.map(|found| found.health_output.trim()).filter(|output| !output.is_empty()) {
        Some(output) => format!("{why}: {}", output.lines().last().unwrap_or(output)),
        None => why,
    }
}
