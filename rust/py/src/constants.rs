//! Constants of the core, from which Python derives its own lists.

use std::collections::BTreeSet;

use ktrdr_core::{
    Columns, Decision, Field, LEDGER_SCHEMA, METRICS, Membership, PAGE_ROWS, Reason, RejectionReason, Rule, SEMANTICS,
    Undefined,
};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyTuple};

/// Level of instructions that this build uses. Python finds it in the file, before the file may be loaded.
const BUILT_FOR: &str = if cfg!(target_feature = "avx512f") {
    "ktrdr-built-for:x86-64-v4;"
} else if cfg!(target_feature = "avx2") {
    "ktrdr-built-for:x86-64-v3;"
} else if cfg!(target_arch = "x86_64") {
    "ktrdr-built-for:x86-64;"
} else {
    "ktrdr-built-for:other;"
};

/// Adds every constant to the module.
pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("AUDIT_FIELDS", PyTuple::new(py, Field::NAMES)?)?;
    module.add("AUDIT_RULES", PyTuple::new(py, Rule::CODES)?)?;
    module.add("BAR_RULES", bar_rules(py)?)?;
    module.add("BUILT_FOR", BUILT_FOR)?;
    Columns::NAMED_SIGNALS.iter().try_for_each(|&(name, signal)| module.add(name, signal))?;
    module.add("DECISIONS", PyTuple::new(py, Decision::NAMES)?)?;
    module.add("LEDGER_SCHEMA", ledger_schema(py)?)?;
    module.add("MEMBERSHIPS", memberships(py)?)?;
    module.add("METRICS", metrics(py)?)?;
    let kinds: BTreeSet<_> = METRICS.iter().map(|metric| metric.kind).collect();
    module.add("METRIC_KINDS", PyTuple::new(py, kinds.iter().map(|kind| kind.name()))?)?;
    module.add("PAGE_ROWS", PAGE_ROWS)?;
    module.add("REASONS", PyTuple::new(py, Reason::NAMES)?)?;
    module.add("REFUSALS", PyTuple::new(py, RejectionReason::NAMES)?)?;
    module.add("SEMANTICS", SEMANTICS)?;
    module.add("UNDEFINED", PyTuple::new(py, Undefined::NAMES)?)
}

/// Returns the code of every rule of bars, with its sentence.
fn bar_rules(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    Rule::ALL.iter().map(|rule| (rule.code(), rule.sentence())).into_py_dict(py)
}

/// Returns the name of every table, with name, type and nullability of its columns.
fn ledger_schema(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let schema = PyDict::new(py);
    for table in LEDGER_SCHEMA {
        let columns: Vec<_> = table.columns.iter().map(|c| (c.name, c.dtype, c.nullable)).collect();
        schema.set_item(table.name, PyTuple::new(py, columns)?)?;
    }
    Ok(schema)
}

/// Returns the name of every membership function, with the names of its parameters.
fn memberships(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let parameters = |(name, names)| Ok((name, PyTuple::new(py, names)?));
    Membership::KINDS.into_iter().map(parameters).collect::<PyResult<Vec<_>>>()?.into_py_dict(py)
}

/// Returns the name of every metric, with its facts.
fn metrics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let metrics = PyDict::new(py);
    for metric in METRICS {
        let texts = [("unit", metric.unit.name()), ("kind", metric.kind.name()), ("better", metric.better.name())];
        let facts = texts.into_py_dict(py)?;
        facts.set_item("definition", metric.definition)?;
        facts.set_item("whole", metric.whole)?;
        facts.set_item("headline", metric.headline)?;
        metrics.set_item(metric.name, facts)?;
    }
    Ok(metrics)
}
