//! The words with which Slack says no, sorted by what follows (DELIVERY.md §B4).
//! It is not complete: Slack adds words, and one that is not here is tried a few times.

/// Send smaller.
pub(super) const TOO_LARGE: [&str; 12] = [
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "invalid_payload",
    "invalid_attachments",
    "attachment_payload_limit_exceeded",
    "msg_too_long",
    "too_many_attachments",
    "markdown_text_conflict",
    "block_mismatch",
    "metadata_too_large",
    "metadata_must_be_sent_from_app",
];

/// A person must do something: channel, rights, credential, hook. And everything that begins with `restricted_action`.
pub(super) const BROKEN: [&str; 36] = [
    "message_limit_exceeded",
    "channel_not_found",
    "user_not_found",
    "not_in_channel",
    "is_archived",
    "channel_is_archived",
    "is_inactive",
    "team_not_found",
    "posting_to_general_channel_denied",
    "action_prohibited",
    "no_permission",
    "access_denied",
    "app_access_restricted",
    "ekm_access_denied",
    "messages_tab_disabled",
    "accesslimited",
    "not_authed",
    "invalid_auth",
    "invalid_token",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "not_allowed_token_type",
    "two_factor_setup_required",
    "org_login_required",
    "enterprise_is_restricted",
    "team_access_not_granted",
    "no_service",
    "no_service_id",
    "no_team",
    "no_active_hooks",
    "team_disabled",
    "method_deprecated",
    "deprecated_endpoint",
    "unknown_method",
];

/// Slack is in trouble: it would be so for any message.
pub(super) const TROUBLE: [&str; 4] = [
    "rollup_error",
    "service_unavailable",
    "team_added_to_org",
    "external_channel_migrating",
];

/// This message, a little later.
pub(super) const LATER: [&str; 3] = [
    "request_timeout",
    "update_failed",
    "streaming_state_conflict",
];

/// Our bug.
pub(super) const OURS: [&str; 9] = [
    "no_text",
    "missing_text_or_fallback_or_attachments",
    "invalid_arg_name",
    "invalid_array_arg",
    "invalid_charset",
    "invalid_form_data",
    "invalid_post_type",
    "missing_post_type",
    "invalid_json",
];

/// A message that cannot be changed: it was deleted, or the workspace closed it, or it stands where we are no more.
pub(super) const GONE: [&str; 8] = [
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "is_inactive",
    "thread_not_found",
];

/// Nothing can be said in this thread.
pub(super) const THREADLESS: [&str; 5] = [
    "cannot_reply_to_message",
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "invalid_thread_ts",
];
