//! A sweep: the rules of scenarios in, a table of their metrics out.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::simulation::Simulation;
use crate::error::{Error, Problem};
use crate::market::columns::Columns;
use crate::metrics::catalog::METRICS;
use crate::metrics::report::MetricSet;
use crate::metrics::returns::BLOCKS;
use crate::rules::Rules;
use crate::sweep::market::Market;
use crate::sweep::scenario::Outcome;

/// Number, sum and sum of squares of each block.
const FIGURES: usize = 3 * BLOCKS;

/// The metrics of scenarios, row by row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SweepTable {
    /// Values in the order of `METRICS` `[n_scenarios, n_metrics]`; NaN where undefined.
    pub values: Vec<f64>,
    /// Number, sum and sum of squares of returns in blocks `[n_scenarios, 16, 3]`; NaN for a run without blocks.
    pub blocks: Vec<f64>,
    /// Code and sentence of the error of each scenario whose rules cannot be traded.
    pub errors: Vec<Option<String>>,
}

/// Tries a run that has not begun under other rules, on so many threads.
///
/// `changes` has for each rule its values, each as JSON by the pointer of the rule. `choices`
/// `[n_scenarios, n_rules]` picks one of them for each scenario. A scenario has the bits of a run of its own, whatever
/// the number of threads. Periods of a year are those of `run` for all.
///
/// # Errors
/// `Argument`, `Signal`, `Confidence` or `TooShort`, as the run itself; `Argument` for changes that are no rules.
///
/// ```
/// use ktrdr_core::{Bars, Columns, METRICS, RunSpec, Simulation, sweep};
/// # let rules: ktrdr_core::Rules = serde_json::from_value(ktrdr_testkit::rules_json(serde_json::json!({}))).unwrap();
///
/// const DAY_NS: i64 = 86_400_000_000_000;
/// let stamps = [0, 1, 2, 3].map(|day| day * DAY_NS);
/// let prices = [100.0, 101.0, 103.0, 104.0];
/// let columns = Columns {
///     bars: Bars::new(&stamps, &prices, &prices, &prices, &prices), signals: &[1, 0, 0, 0], confidence: None,
/// };
/// let spec = RunSpec {
///     symbol: "ABC".into(), timeframe_ns: DAY_NS, initial_capital: 1_000.0, warmup_bars: 0, record_decisions: false,
/// };
/// let run = Simulation::over(rules, spec, Some(&stamps))?;
/// let costs = r#"[[{"/execution/commission/per_fill": 0}, {"/execution/commission/per_fill": 2}]]"#;
/// let changes: Vec<_> = serde_json::from_str(costs).expect("JSON");
/// let found = sweep(&run, columns, &changes, &[0, 1], 2)?;
/// let profit = METRICS.iter().position(|metric| metric.name == "net_profit").expect("a metric");
/// // One unit earns 3; the second scenario pays 2 for each of two fills.
/// assert_eq!((found.values[profit], found.values[METRICS.len() + profit]), (3.0, -1.0));
/// # Ok::<(), ktrdr_core::Error>(())
/// ```
pub fn sweep(
    run: &Simulation,
    columns: Columns<'_>,
    changes: &[Vec<Map<String, Value>>],
    choices: &[i32],
    threads: usize,
) -> Result<SweepTable, Error> {
    let scenarios = scenarios(run.rules(), changes, choices)
        .map_err(|problem| Error::Argument { name: "changes", problem: Problem::Unreadable(problem) })?;
    let market = Market::new(run, columns)?;
    Ok(market.run(scenarios, threads.max(1)))
}

/// Lays the chosen changes of each scenario over the rules.
fn scenarios(rules: &Rules, changes: &[Vec<Map<String, Value>>], choices: &[i32]) -> Result<Vec<Rules>, String> {
    let mut rules = serde_json::to_value(rules).map_err(|error| error.to_string())?;
    let mut found = Vec::with_capacity(choices.len() / changes.len().max(1));
    for row in choices.chunks(changes.len().max(1)) {
        for (values, &choice) in changes.iter().zip(row) {
            let change = usize::try_from(choice).ok().and_then(|at| values.get(at)).ok_or("no such value")?;
            for (pointer, value) in change {
                *rules.pointer_mut(pointer).ok_or_else(|| format!("no rule at {pointer}"))? = value.clone();
            }
        }
        found.push(Rules::deserialize(&rules).map_err(|error| error.to_string())?);
    }
    Ok(found)
}

/// The place of a scenario in a table.
pub(super) struct Row<'a> {
    values: &'a mut [f64],
    blocks: &'a mut [f64],
    error: &'a mut Option<String>,
}

impl SweepTable {
    /// Makes a table of so many rows, whose values are not known yet.
    pub(super) fn of(scenarios: usize) -> Self {
        // Zeros take no memory until somebody writes there.
        let [values, blocks] = [METRICS.len(), FIGURES].map(|width| vec![0.0; scenarios * width]);
        Self { values, blocks, errors: vec![None; scenarios] }
    }

    /// Returns the rows, in order.
    pub(super) fn rows(&mut self) -> impl Iterator<Item = Row<'_>> {
        let values = self.values.chunks_mut(METRICS.len());
        let rows = values.zip(self.blocks.chunks_mut(FIGURES)).zip(&mut self.errors);
        rows.map(|((values, blocks), error)| Row { values, blocks, error })
    }
}

impl Row<'_> {
    /// Writes the metrics of a scenario, or its error.
    pub(super) fn write(&mut self, outcome: Outcome) {
        self.blocks.fill(f64::NAN);
        match outcome {
            Ok(MetricSet { values, blocks, .. }) => {
                self.values.iter_mut().zip(values).for_each(|(to, (_, value))| *to = value.unwrap_or(f64::NAN));
                let figures = blocks.iter().flatten().flat_map(|one| [one.count as f64, one.sum, one.sum_of_squares]);
                self.blocks.iter_mut().zip(figures).for_each(|(to, figure)| *to = figure);
            }
            Err(error) => {
                self.values.fill(f64::NAN);
                *self.error = Some(format!("{}: {error}", error.code()));
            }
        }
    }
}
