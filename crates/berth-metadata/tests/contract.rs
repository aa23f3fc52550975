//! One suite that SQLite and PostgreSQL must both pass. PostgreSQL is started by the suite; that it is not installed
//! is a failure.
#![expect(
    clippy::unwrap_used,
    reason = "a check that unwraps an error fails, as it should"
)]

#[path = "contract/archives.rs"]
mod archives;
#[path = "contract/audit.rs"]
mod audit;
#[path = "contract/bin.rs"]
mod bin;
#[path = "contract/bin_properties.rs"]
mod bin_properties;
#[path = "contract/byte_quotas.rs"]
mod byte_quotas;
#[path = "contract/changes.rs"]
mod changes;
#[path = "contract/chunk_tables.rs"]
mod chunk_tables;
#[path = "contract/content.rs"]
mod content;
#[path = "contract/damage.rs"]
mod damage;
#[path = "contract/dashboard.rs"]
mod dashboard;
#[path = "contract/failures.rs"]
mod failures;
#[path = "contract/iam.rs"]
mod iam;
#[path = "contract/immutability.rs"]
mod immutability;
#[path = "contract/jobs.rs"]
mod jobs;
#[path = "contract/layers.rs"]
mod layers;
#[path = "contract/lazy.rs"]
mod lazy;
#[path = "contract/ledger.rs"]
mod ledger;
#[path = "contract/lists.rs"]
mod lists;
#[path = "contract/maintenance.rs"]
mod maintenance;
#[path = "contract/nodes.rs"]
mod nodes;
#[path = "contract/opening.rs"]
mod opening;
#[path = "contract/outside.rs"]
mod outside;
#[path = "contract/people.rs"]
mod people;
#[path = "contract/places.rs"]
mod places;
#[path = "contract/policies.rs"]
mod policies;
#[path = "contract/postgres.rs"]
mod postgres;
#[path = "contract/preheat_rules.rs"]
mod preheat_rules;
#[path = "contract/properties.rs"]
mod properties;
#[path = "contract/providers.rs"]
mod providers;
#[path = "contract/races.rs"]
mod races;
#[path = "contract/records.rs"]
mod records;
#[path = "contract/recovery.rs"]
mod recovery;
#[path = "contract/remembered.rs"]
mod remembered;
#[path = "contract/replicas.rs"]
mod replicas;
#[path = "contract/retentions.rs"]
mod retentions;
#[path = "contract/running.rs"]
mod running;
#[path = "contract/scrub.rs"]
mod scrub;
#[path = "contract/search.rs"]
mod search;
#[path = "contract/sharing.rs"]
mod sharing;
#[path = "contract/shut_outs.rs"]
mod shut_outs;
#[path = "contract/snapshots.rs"]
mod snapshots;
#[path = "contract/statistics.rs"]
mod statistics;
#[path = "contract/syncing.rs"]
mod syncing;
#[path = "contract/tags.rs"]
mod tags;
#[path = "contract/trigger_runs.rs"]
mod trigger_runs;
#[path = "contract/turns.rs"]
mod turns;
#[path = "contract/uploads.rs"]
mod uploads;
#[path = "contract/webhooks.rs"]
mod webhooks;
#[path = "contract/world.rs"]
mod world;

use berth_metadata::{Error, Metadata};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use world::World;

/// Every check becomes a test over SQLite; over PostgreSQL one test runs all of them, each in a database of its own,
/// because a server of its own for each would take minutes.
macro_rules! contract {
    ($($module:ident :: $check:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let folder = tempfile::tempdir().unwrap();
                    let url = format!("sqlite://{}/berth.db", folder.path().display());
                    let metadata = super::Metadata::open(&url).await.unwrap();
                    let world = super::World { metadata, url };
                    super::$module::$check(world.clone()).await;
                    world.metadata.close().await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn on_postgres() {
            let server = postgres::Server::start();
            let mut failed = Vec::new();
            $(
                let url = server.create(stringify!($check));
                let metadata = Metadata::open(&url).await.unwrap();
                let world = World { metadata, url };
                if AssertUnwindSafe(boxed(|| $module::$check(world.clone()))).catch_unwind().await.is_err() {
                    failed.push(stringify!($check));
                }
                world.metadata.close().await;
            )*
            assert!(failed.is_empty(), "failed on PostgreSQL: {failed:?}");
        }
    };
}

/// Keeps the state of one check off the stack of them all.
fn boxed<F: Future>(check: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(check())
}

contract! {
    remembered::what_another_process_changes_is_in_the_next_answer,
    remembered::what_the_same_process_changes_is_in_the_next_answer,
    remembered::nobody_is_answered_what_was_over_when_they_asked,
    remembered::pushes_keep_nobody_in_the_dark_about_rights,
    lazy::a_place_has_one_rule,
    lazy::an_index_waits_once_and_ends_once,
    lazy::a_push_by_rule_queues_an_index,
    preheat_rules::a_place_has_one_preheat_rule,
    preheat_rules::a_push_is_an_event_where_a_rule_is_heeded,
    preheat_rules::of_many_pushes_of_a_tag_the_newest_goes_to_nodes,
    archives::chunks_follow_one_another_and_the_last_one_queues_the_work,
    archives::an_archive_moves_on_from_the_state_that_it_is_in,
    archives::a_user_has_so_many_archives_under_way,
    jobs::jobs_are_claimed_in_turns_between_lanes,
    jobs::open_jobs_are_counted_by_kind,
    jobs::of_many_who_claim_a_job_one_gets_it,
    jobs::a_job_whose_process_died_is_claimed_again,
    jobs::a_job_that_was_asked_for_again_is_done_once_more,
    jobs::a_paused_lane_holds_up_nobody_else,
    jobs::a_lane_is_forgotten_only_when_nothing_waits_in_it,
    jobs::what_is_queued_while_its_lane_is_forgotten_is_not_lost,
    jobs::a_job_that_was_asked_for_while_it_fails_does_not_wait,
    jobs::a_tag_that_moves_is_an_event_where_somebody_waits,
    jobs::a_push_that_is_sent_elsewhere_replaces_the_one_that_waits,
    webhooks::a_webhook_keeps_its_secret_and_the_one_before,
    webhooks::a_delivery_keeps_what_it_sends,
    webhooks::what_is_dead_is_listed_and_asked_for_again,
    webhooks::the_newest_deliveries_are_kept,
    maintenance::a_lease_has_one_holder_until_it_ends,
    maintenance::of_many_who_want_a_lease_one_gets_it,
    maintenance::one_run_of_a_kind_is_open,
    maintenance::a_run_whose_process_died_is_interrupted,
    maintenance::runs_are_listed_newest_first_and_old_ones_go,
    people::account_names_are_unique_and_listed_by_name,
    people::user_names_are_unique_in_their_account,
    people::user_settings_are_kept,
    people::a_group_makes_its_members_administrators,
    people::a_deleted_user_takes_its_keys_and_grants_along,
    people::access_keys_come_with_their_user,
    people::no_more_keys_than_allowed_at_once,
    people::nobody_has_a_name_with_a_zero_byte,
    people::temporary_logins_end_with_the_key_they_were_made_with,
    people::the_registry_is_bootstrapped_once,
    people::replicas_agree_on_signing_keys_and_instance_values,
    iam::the_last_administrator_stays,
    iam::two_administrators_do_not_take_each_other_away,
    iam::users_and_groups_are_changed_in_part,
    iam::a_group_administers_while_it_has_a_role,
    iam::access_keys_are_described_and_switched,
    iam::temporary_keys_end_with_what_made_them,
    iam::sessions_end_with_their_user,
    places::organization_names_are_unique_across_accounts,
    providers::providers_are_kept_for_an_account,
    providers::trust_rules_name_users_of_their_account,
    providers::a_person_is_one_user_in_the_groups_that_theirs_are,
    providers::a_name_that_is_taken_makes_nobody,
    providers::who_is_not_vouched_for_is_kept_out_until_they_are,
    places::the_quota_of_organizations_holds_under_concurrency,
    places::organizations_are_listed_by_permission,
    places::an_organization_with_images_is_not_deleted,
    places::grants_on_a_repository_change_all_or_none,
    places::grants_on_an_organization_change_all_or_none,
    places::a_standing_tells_the_permissions,
    places::a_standing_tells_a_valid_share,
    places::a_standing_tells_what_exists,
    places::lists_show_what_the_viewer_may_read,
    places::names_are_paged_in_byte_order,
    places::a_deleted_repository_leaves_its_blobs_to_reclaim,
    sharing::a_share_says_what_it_was_given,
    sharing::shares_are_of_private_repositories_with_accounts_that_exist,
    sharing::no_more_shares_than_allowed_at_once,
    sharing::an_agency_is_made_once,
    sharing::quotas_are_kept_and_counted,
    sharing::the_quota_of_an_account_goes_before_the_settings,
    sharing::the_quota_of_repositories_holds_under_concurrency,
    sharing::the_quota_of_tags_holds,
    byte_quotas::a_quota_counts_what_each_image_holds,
    byte_quotas::an_upload_reserves_and_gives_back,
    byte_quotas::a_full_quota_refuses_and_stores_nothing,
    byte_quotas::as_many_get_in_as_fit,
    byte_quotas::a_quota_set_amid_pushes_counts_them_all,
    byte_quotas::what_a_quota_counts_wrongly_is_found_and_put_right,
    ledger::an_image_says_with_whom_it_shares,
    ledger::a_tag_says_what_goes_with_it,
    ledger::what_the_bin_holds_goes_by_itself,
    ledger::keys_are_told_by_what_names_them,
    ledger::any_deletion_frees_what_was_foretold,
    lists::a_list_holds_what_the_user_has_a_right_on,
    lists::a_list_is_filtered,
    lists::an_organisation_shows_what_is_in_it_as_far_as_one_may_know,
    lists::images_are_found_by_the_platform_of_their_newest_tag,
    lists::a_list_is_ordered_and_paged,
    lists::lists_of_shared_repositories_say_what_is_valid,
    lists::a_page_holds_no_more_descriptions_than_memory_bears,
    lists::a_repository_is_created_once,
    lists::a_repository_is_edited_where_something_is_said,
    lists::all_is_told_of_a_repository,
    search::a_search_finds_what_the_user_may_read,
    search::a_search_is_bounded_and_literal,
    search::organizations_are_found_by_those_with_a_right_in_them,
    uploads::progress_is_saved_by_one_request_at_a_time,
    uploads::a_finished_upload_is_a_linked_blob,
    uploads::uploads_that_end_together_end_each_by_itself,
    uploads::a_blob_that_is_there_gets_the_bytes_that_were_verified,
    uploads::a_digest_pushed_again_while_reclaimed_gets_a_new_key,
    uploads::a_repeated_finish_changes_nothing,
    uploads::expired_uploads_are_found,
    turns::one_request_at_a_time_has_the_turn,
    turns::a_silent_holder_loses_the_turn_and_saves_nothing_any_more,
    turns::an_upload_that_bytes_come_in_for_does_not_expire,
    shut_outs::who_is_shut_out_is_so_once_until_the_end_or_until_it_is_lifted,
    failures::failures_are_counted_for_all,
    failures::attempts_queue_up_whoever_they_come_to,
    failures::a_signature_is_new_once,
    failures::both_are_forgotten,
    uploads::a_mount_needs_the_source_link,
    uploads::a_readable_blob_is_found_for_those_who_may_read_it,
    uploads::a_blob_in_use_is_not_unlinked,
    uploads::the_sweep_takes_only_old_unreferenced_links,
    uploads::keys_are_known_until_reclaimed,
    damage::a_damaged_blob_is_nowhere_until_it_is_pushed_again,
    damage::what_a_damaged_blob_touches_is_named,
    damage::bytes_in_quarantine_are_not_reclaimed,
    damage::bytes_that_are_right_after_all_are_cleared,
    damage::quarantine_ends_when_nothing_can_heal_by_it,
    damage::a_damaged_manifest_is_nowhere_until_it_is_pushed_again,
    scrub::the_oldest_are_due_first_and_once,
    scrub::manifests_are_read_in_pages,
    chunk_tables::hashes_of_chunks_are_kept_as_long_as_their_blob,
    replicas::replicas_are_there_until_their_time_is_over,
    nodes::nodes_are_noted_and_their_bytes_add_up,
    nodes::images_go_to_nodes_until_they_end,
    nodes::what_a_run_waits_for_is_queued_once,
    nodes::a_node_hears_that_an_image_is_wanted_no_more,
    nodes::the_oldest_images_for_nodes_make_room,
    nodes::images_for_nodes_are_listed_in_parts,
    layers::lists_of_files_are_kept_within_their_bound,
    layers::who_uses_a_layer_is_counted_as_far_as_the_viewer_sees,
    content::a_manifest_is_served_as_it_was_pushed,
    content::missing_references_are_refused_as_asked,
    content::a_tag_moves_only_from_what_is_expected,
    content::several_tags_move_together_and_leave_history,
    content::a_manifest_pushed_again_is_not_created_again,
    content::referrers_are_filtered_and_paged,
    content::a_deleted_manifest_takes_its_tags_along,
    content::a_deleted_tag_leaves_its_manifest,
    content::long_lists_of_references_are_stored_whole,
    outside::clusters_belong_to_one_account,
    outside::a_cluster_with_triggers_is_not_deleted,
    running::what_runs_is_replaced_whole,
    running::only_images_of_the_clusters_account_count,
    outside::regions_belong_to_one_account,
    outside::a_deleted_region_cancels_what_waits_for_it,
    outside::an_organization_is_one_mirror_at_most,
    outside::pulls_through_a_mirror_are_remembered,
    immutability::rules_are_kept_and_their_changes_counted,
    immutability::rules_go_with_what_they_are_on,
    immutability::names_of_repositories_are_listed_by_id,
    immutability::an_immutable_tag_neither_moves_nor_goes,
    immutability::what_an_immutable_index_lists_stays,
    immutability::the_bin_gives_nothing_back_over_an_immutable_tag,
    immutability::whoever_read_other_rules_reads_them_again,
    immutability::one_of_many_first_pushes_of_an_immutable_tag_wins,
    policies::triggers_are_kept_with_their_history,
    trigger_runs::runs_are_listed_with_who_asked,
    trigger_runs::one_step_of_a_trigger_has_the_turn,
    trigger_runs::what_is_newer_ends_what_is_older,
    trigger_runs::what_has_acted_is_ended_by_what_acts,
    trigger_runs::a_run_ends_once,
    trigger_runs::old_runs_are_forgotten,
    retentions::a_repository_has_one_retention,
    retentions::an_organization_has_rules,
    retentions::condemned_tags_go_together_and_are_logged,
    retentions::what_changed_since_it_was_judged_stays,
    retentions::what_is_needed_since_it_was_judged_stays,
    retentions::a_changed_rule_stops_what_goes_by_the_old_one,
    retentions::runs_wait_begin_and_end,
    retentions::runs_are_queued_for_all_that_rules_are_for,
    retentions::partners_of_tags_are_found,
    retentions::logs_and_runs_are_forgotten,
    retentions::a_hundred_thousand_tags_go,
    policies::a_rule_with_the_same_destination_is_replaced,
    policies::a_copy_that_waits_is_not_queued_twice,
    policies::a_deleted_repository_takes_its_policies_along,
    syncing::a_copy_runs_waits_goes_on_and_ends,
    syncing::a_copy_is_tried_only_while_its_region_is_there,
    syncing::copies_of_one_tag_to_one_place_follow_one_another,
    syncing::a_copy_is_cancelled_and_tried_again_by_hand,
    syncing::a_destination_is_behind_since_its_oldest_push,
    syncing::what_is_signed_later_queues_its_tags,
    syncing::a_copy_that_waits_is_that_of_its_newest_push,
    syncing::a_thousand_ended_copies_are_kept,
    syncing::what_is_in_a_region_is_remembered,
    syncing::a_blob_is_looked_for_at_its_owners_first,
    syncing::what_was_found_about_a_region_goes_with_its_address,
    tags::a_page_of_tags_shows_what_they_name,
    tags::tags_are_ordered_and_paged,
    tags::tags_are_searched_without_regard_to_case,
    tags::the_size_of_an_index_follows_its_images,
    tags::a_tag_keeps_its_id_until_it_is_deleted,
    tags::a_tag_is_moved_to_what_is_there,
    tags::the_history_is_paged_and_names_people,
    tags::accessories_are_found_by_tag_and_by_subject,
    tags::tags_are_found_by_what_they_name,
    tags::many_manifests_are_read_at_once,
    bin::a_deleted_tag_comes_back_with_its_manifest,
    bin::a_manifest_stays_while_something_live_names_it,
    bin::an_index_takes_along_what_only_it_reaches,
    bin::what_an_entry_needs_stays_whatever_else_is_purged,
    bin::what_is_purged_is_gone_with_its_blobs,
    bin::without_a_time_to_live_nothing_is_kept,
    bin::what_is_in_the_way_is_told_and_overwritten_when_asked,
    bin::a_tag_is_set_back_to_what_the_bin_holds,
    bin::what_is_pushed_again_is_live_and_in_the_bin,
    bin::an_image_in_the_bin_frees_its_name,
    bin::an_image_is_purged_in_small_steps,
    bin::an_organization_goes_with_its_bin,
    bin::the_bin_is_listed_for_those_with_a_right,
    bin::quotas_hold_for_what_comes_back,
    bin::a_blob_that_was_never_linked_does_not_come_back,
    bin::many_restore_one_entry_at_once,
    bin_properties::any_sequence_of_deletions_can_be_undone,
    races::one_of_many_wins_each_move_of_a_tag,
    races::many_finish_the_same_digest_at_once,
    races::no_manifest_names_an_unlinked_blob,
    races::two_replicas_write_at_once,
    races::a_mount_and_the_last_unlink_leave_no_dangling_link,
    races::two_last_unlinks_release_the_blob_once,
    properties::any_sequence_of_operations_keeps_the_invariants,
    statistics::counts_add_up_by_day,
    statistics::counts_of_two_replicas_add_up,
    statistics::what_is_deleted_counts_for_its_account,
    statistics::a_pull_is_noted_at_its_manifest,
    statistics::stored_bytes_are_noted_by_day,
    statistics::old_days_of_repositories_are_forgotten,
    audit::the_audit_trail_is_filtered,
    audit::the_audit_trail_is_paged_newest_first,
    audit::old_audit_events_are_forgotten,
    audit::what_is_done_to_the_audit_trail_shows,
    audit::books_of_the_audit_trail_are_chains_apart,
    audit::two_replicas_write_one_audit_trail,
    audit::too_many_audit_events_make_room,
    recovery::rows_are_compared_with_the_store,
    recovery::images_are_made_as_records_say,
    recovery::what_was_deleted_is_forgotten,
    recovery::the_newest_whole_copy_is_the_blob,
    recovery::blobs_that_nothing_links_are_released,
    recovery::what_records_restore_from_the_bin_is_not_purged,
    recovery::a_name_that_is_taken_is_not_given_again,
    records::every_change_of_an_image_waits_to_be_written,
    records::a_failed_change_is_not_noted,
    records::a_restored_database_notes_changes_too,
    dashboard::runs_are_counted_for_those_with_a_right,
    changes::changes_are_noted_while_somebody_listens,
    changes::whatever_changes_is_noted_by_name,
    changes::an_audience_stands_where_requests_find_it,
    snapshots::every_table_is_in_a_snapshot,
    snapshots::a_restored_snapshot_is_equal,
    snapshots::numbers_are_not_handed_out_again,
    snapshots::sessions_and_uploads_do_not_come_back,
    snapshots::quotas_are_counted_anew,
    snapshots::a_database_with_a_registry_is_kept,
    snapshots::a_broken_snapshot_changes_nothing,
    snapshots::a_snapshot_under_writes_is_of_one_moment,
    opening::rows_are_there_after_reopening,
    opening::a_newer_schema_is_refused,
    opening::many_open_a_new_database_at_once,
    opening::a_closed_store_says_so,
    opening::readiness_writes,
}

#[tokio::test]
async fn a_postgres_server_that_went_is_found_again() {
    let server = postgres::Server::start();
    let metadata = Metadata::open(&server.create("restarted")).await.unwrap();
    metadata.create_account(&world::id(), "before", 1).await.unwrap();
    server.stop();
    let refused = metadata.create_account(&world::id(), "between", 1).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = metadata.count_accounts().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = Metadata::open(&server.url("restarted")).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    server.resume();
    metadata.create_account(&world::id(), "after", 1).await.unwrap();
    assert_eq!(metadata.count_accounts().await.unwrap(), 2);
    metadata.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_goes_from_one_database_to_the_other_and_back() {
    let server = postgres::Server::start();
    let folder = tempfile::tempdir().unwrap();
    let [first, last] =
        ["first", "last"].map(|name| format!("sqlite://{}/{name}.db", folder.path().display()));
    let metadata = Metadata::open(&first).await.unwrap();
    let world = World { metadata, url: first };
    snapshots::fill(&world).await;
    let before = snapshots::tables(&snapshots::parts(&world.metadata).await);
    let mut metadata = world.metadata;
    for url in [server.create("between"), last] {
        Metadata::restore(&snapshots::into(&url), metadata.snapshot())
            .await
            .unwrap();
        metadata.close().await;
        metadata = Metadata::open(&url).await.unwrap();
        let after = snapshots::tables(&snapshots::parts(&metadata).await);
        snapshots::is_equal(&before, &after);
    }
    metadata.close().await;
}
