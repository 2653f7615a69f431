"""Settings: from the environment, else from ``ktrdr.toml`` in the working folder, else from the user's ``ktrdr.toml``.

This room alone reads the environment. ``SETTINGS`` is the table that CONTRIBUTING shows.
"""

from __future__ import annotations

from ktrdr.settings.values import (
    SETTINGS,
    allowed_hosts,
    api_token,
    checkpoint_seconds,
    data_root,
    database_url,
    feature_cache_dir,
    feature_cache_mb,
    for_child,
    lease_seconds,
    let_waiting_threads_sleep,
    log_file,
    max_pending,
    max_strategies,
    model_dollars,
    model_key,
    model_tokens,
    model_url,
    progress_wanted,
    run_memory_mb,
    stall_seconds,
    store_patience_seconds,
    strategies_dir,
    under_pytest,
    where,
    written,
)

__all__ = [
    "SETTINGS",
    "allowed_hosts",
    "api_token",
    "checkpoint_seconds",
    "data_root",
    "database_url",
    "feature_cache_dir",
    "feature_cache_mb",
    "for_child",
    "lease_seconds",
    "let_waiting_threads_sleep",
    "log_file",
    "max_pending",
    "max_strategies",
    "model_dollars",
    "model_key",
    "model_tokens",
    "model_url",
    "progress_wanted",
    "run_memory_mb",
    "stall_seconds",
    "store_patience_seconds",
    "strategies_dir",
    "under_pytest",
    "where",
    "written",
]
