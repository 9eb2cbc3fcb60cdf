//! Hooks: commands that are run in a container.

use std::time::Duration;

use evenkeel::core::desired::Hook;
use evenkeel::core::plan::Call;
use evenkeel::ports::CallOutcome;
use evenkeel::ports::EngineError;
use evenkeel::ports::EngineErrorKind;

use crate::support::Bench;
use crate::support::call_error;

async fn run(bench: &Bench, name: &str, command: &[&str]) -> Result<CallOutcome, EngineError> {
    let hook = Hook {
        cmd: command.iter().map(|word| (*word).to_owned()).collect(),
        user: String::new(),
        privileged: false,
        working_dir: String::new(),
        env: vec!["A=b".into()],
    };
    let call = Call::RunHook { container: bench.name(name), hook, timeout: Duration::from_secs(30) };
    bench.engine.call(&call).await
}

pub(super) async fn a_hook_runs_to_its_end_and_tells_how_it_ended(bench: &Bench) {
    bench.run("a", bench.request("busybox:1")).await;
    assert!(run(bench, "a", &["true"]).await.expect("well").changed);
    let failed = run(bench, "a", &["sh", "-c", "echo not today; exit 3"]).await.expect_err("status 3");
    assert_eq!(failed.kind, EngineErrorKind::Failed);
    assert_eq!(failed.message, "the hook exited with status 3: not today");
    let silent = run(bench, "a", &["false"]).await.expect_err("status 1");
    assert_eq!(silent.message, "the hook exited with status 1");
}

pub(super) async fn a_hook_runs_in_a_running_container_alone(bench: &Bench) {
    assert_eq!(call_error(&run(bench, "none", &["true"]).await), Some(EngineErrorKind::NotFound));
    bench.create("a", bench.request("busybox:1")).await.expect("created");
    assert_eq!(call_error(&run(bench, "a", &["true"]).await), Some(EngineErrorKind::Conflict));
    bench.start("a").await.expect("started");
    run(bench, "a", &["true"]).await.expect("well");
    assert!(bench.pause("a").await);
    assert_eq!(call_error(&run(bench, "a", &["true"]).await), Some(EngineErrorKind::Conflict));
}
