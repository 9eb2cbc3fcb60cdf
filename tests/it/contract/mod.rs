//! The contract of [`evenkeel::ports::Engine`], held by the real engine and by the one in memory. The same scenarios
//! run on both, so that what is shown by simulation is true of Docker.

mod builds;
mod conformance;
mod containers;
mod hooks;
mod networks;
mod objects;
mod processes;
mod shared;

use crate::support::Bench;

/// Makes two tests of each scenario: one on the engine in memory, in paused time, and one on the real engine.
macro_rules! contract {
    ($($module:ident::$scenario:ident,)*) => {
        mod simulated {
            $(#[tokio::test(start_paused = true)]
            async fn $scenario() {
                super::$module::$scenario(&super::Bench::simulated()).await;
            })*
        }

        mod docker {
            $(#[tokio::test]
            async fn $scenario() {
                if let Some(bench) = super::Bench::docker().await {
                    super::$module::$scenario(&bench).await;
                }
            })*
        }
    };
}

contract! {
    containers::a_container_is_created_started_stopped_and_removed,
    containers::a_name_belongs_to_one_container,
    containers::a_container_without_its_image_is_not_created,
    containers::a_running_container_is_removed_by_force_alone,
    containers::a_mount_of_nothing_is_refused_at_create,
    containers::a_file_is_copied_in_before_the_start,
    containers::an_anonymous_volume_has_a_name_of_its_own,
    containers::a_container_of_nobody_is_listed_without_its_request,
    containers::what_is_observed_is_what_was_requested,
    processes::a_job_ends_with_its_exit_code,
    processes::a_check_that_passes_makes_healthy,
    processes::a_check_that_fails_makes_unhealthy_and_stays_so_when_stopped,
    processes::a_crashing_container_restarts_until_its_policy_says_no,
    processes::a_crashing_container_stays_stopped_once_stopped,
    processes::a_container_is_restarted,
    processes::a_container_that_is_not_paused_cannot_be_unpaused,
    processes::a_paused_container_is_unpaused_or_stopped_and_nothing_else,
    processes::those_who_follow_see_a_container_start_and_die,
    hooks::a_hook_runs_to_its_end_and_tells_how_it_ended,
    hooks::a_hook_runs_in_a_running_container_alone,
    shared::a_network_is_joined_while_its_container_runs,
    shared::a_process_namespace_ends_with_its_container,
    shared::a_lender_of_a_namespace_or_of_volumes_must_stand,
    shared::volumes_are_lent_to_another_container,
    networks::who_runs_is_put_on_a_network_made_anew,
    networks::who_is_stopped_comes_up_on_a_network_made_anew,
    networks::an_address_is_given_by_connecting_again,
    networks::who_is_not_on_a_network_has_left_it,
    networks::two_bridges_do_not_share_addresses,
    objects::a_network_name_is_taken_once,
    objects::a_network_is_kept_while_a_running_container_uses_it,
    objects::a_container_remembers_the_network_it_was_started_in,
    objects::a_container_joins_a_second_network,
    objects::a_volume_is_made_once_and_returned_as_it_is,
    objects::a_host_port_is_held_by_one_container,
    objects::an_image_that_nobody_has_cannot_be_pulled,
    objects::an_image_is_known_by_its_name,
    builds::an_image_is_built_and_known_by_its_content,
    builds::a_name_goes_from_one_image_to_another,
}
