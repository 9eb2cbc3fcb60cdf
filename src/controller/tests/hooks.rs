//! Hooks: a deploy has succeeded only when they have, and they run although the process was killed before.

use super::faults::Scenario;
use super::guard::Strike;
use super::world::Lab;
use super::world::Repo;
use crate::core::plan::Call;
use crate::core::run::Verdict;

fn web(tag: &str, post_start: &str) -> String {
    format!(
        "services:
  web:
    image: app:{tag}
    restart: unless-stopped
    post_start: [{{command: {post_start}}}]
    pre_stop: [{{command: \"false\"}}]
"
    )
}

fn hooks(lab: &Lab) -> usize {
    lab.engine.mutating_calls().iter().filter(|call| matches!(call, Call::RunHook { .. })).count()
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_after_the_start_fails_the_deploy_and_one_before_the_stop_does_not() {
    let repo = Repo::new();
    let lab = Lab::new(&repo);
    assert_eq!(lab.pass(&repo.home(&web("1", "\"true\""))).await.verdict, Verdict::Succeeded);
    assert_eq!(lab.pass(&repo.home(&web("2", "\"true\""))).await.verdict, Verdict::Succeeded);
    lab.assert_runs(&[("web", "app:2")]).await;
    let report = lab.pass(&repo.home(&web("3", "[sh, -c, exit 3]"))).await;
    assert_eq!(report.verdict, Verdict::RolledBack);
    assert!(report.message.contains("the hook exited with status 3"), "{}", report.message);
    lab.assert_runs(&[("web", "app:2")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_runs_in_the_end_if_the_process_was_killed_right_after_the_start() {
    let repo = Repo::new();
    let (first, second) = (repo.home(&web("1", "\"true\"")), repo.home(&web("2", "\"true\"")));
    for before in [None, Some(first)] {
        let lab = Lab::new(&repo);
        if let Some(before) = &before {
            lab.pass(before).await;
        }
        lab.engine.forget_calls();
        let start = if before.is_some() { 6 } else { 4 };
        lab.guard.arm(start, Strike::KillAfter);
        assert!(lab.try_pass(&second).await.is_none(), "killed");
        let last = lab.engine.mutating_calls().last().map(Call::name);
        assert_eq!(last, Some("StartContainer"));
        lab.engine.forget_calls();
        assert_eq!(lab.pass(&second).await.verdict, Verdict::Succeeded);
        assert_eq!(hooks(&lab), 1);
        lab.engine.forget_calls();
        assert_eq!(lab.pass(&second).await.verdict, Verdict::NothingToDo);
        assert_eq!(hooks(&lab), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_with_hooks_survives_each_call_going_wrong() {
    let repo = Repo::new();
    let (before, after) = (repo.home(&web("1", "\"true\"")), repo.home(&web("2", "\"true\"")));
    Scenario::new(Some(before), after, &[("web", "app:2")]).survives_everything(&repo, 10).await;
}
