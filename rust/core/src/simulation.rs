//! A run: columns in, ledger and metrics out, whole or in chunks.

use serde::{Deserialize, Serialize};

use crate::bar::Bars;
use crate::desk::{Desk, Plan, Row};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::metrics::{Calendar, Closing, MetricSet};
use crate::rules::{Exits, FillMode, Level, Rules, Sizing};

/// What a run is told once, before its first bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    /// Name of the instrument.
    pub symbol: String,
    /// Length of a bar.
    pub timeframe_ns: i64,
    /// Account currency.
    pub initial_capital: f64,
    /// First simulated bar.
    pub warmup_bars: u64,
    /// How stamps become daily points.
    pub calendar: Calendar,
    /// Whether decisions are written down.
    pub record_decisions: bool,
}

/// One run of one symbol.
#[derive(Debug, Clone)]
pub struct Simulation {
    plan: Plan,
    benchmark_plan: Plan,
    state: State,
    ledger: Ledger,
    scratch: Ledger,
}

/// What a snapshot must hold: the run's terms, the desk, its buy-and-hold companion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The run's terms.
    pub spec: RunSpec,
    /// Its rules.
    pub rules: Rules,
    /// Index of the next bar.
    pub next_bar: u64,
    /// Whether the last bar has been taken.
    pub ended: bool,
    /// The run itself.
    pub desk: Desk,
    /// One BUY on the first simulated bar, under the run's costs.
    pub benchmark: Desk,
}

impl Simulation {
    /// A run before its first bar.
    ///
    /// # Errors
    /// `Argument` for a capital or a timeframe that is not positive.
    pub fn new(rules: Rules, spec: RunSpec) -> Result<Self, Error> {
        if !(spec.initial_capital.is_finite() && spec.initial_capital > 0.0) {
            let problem = format!("must be finite and above 0, found {}", spec.initial_capital);
            return Err(Error::Argument {
                name: "initial_capital",
                problem,
            });
        }
        let first_bar = spec.warmup_bars as i64;
        let plan = Plan::new(rules.clone(), first_bar, spec.record_decisions);
        let benchmark_plan = Plan::new(buy_and_hold(&rules), first_bar, false);
        let state = State {
            desk: Desk::new(&plan, spec.calendar, spec.initial_capital),
            benchmark: Desk::new(&benchmark_plan, spec.calendar, spec.initial_capital),
            spec,
            rules,
            next_bar: 0,
            ended: false,
        };
        Ok(Self {
            plan,
            benchmark_plan,
            state,
            ledger: Ledger::default(),
            scratch: Ledger::default(),
        })
    }

    /// Continues from a state and the ledger written so far (an empty one keeps only what comes).
    #[must_use]
    pub fn resume(state: State, ledger: Ledger) -> Self {
        let first_bar = state.spec.warmup_bars as i64;
        let plan = Plan::new(state.rules.clone(), first_bar, state.spec.record_decisions);
        let benchmark_plan = Plan::new(buy_and_hold(&state.rules), first_bar, false);
        Self {
            plan,
            benchmark_plan,
            state,
            ledger,
            scratch: Ledger::default(),
        }
    }

    /// Takes the next bars, with the signal and confidence known at each one's close.
    ///
    /// # Errors
    /// `BadBar`, `Argument` for what was given; `FillPrice`, `AccountingIdentity` for what came of it.
    pub fn feed(
        &mut self,
        bars: &Bars<'_>,
        signals: &[i8],
        confidence: Option<&[f32]>,
        last: bool,
    ) -> Result<(), Error> {
        self.accept(bars, signals, confidence, last)?;
        let rows = bars.len();
        for row in 0..rows {
            let bar = self.row(bars, row);
            let signal = (signals[row], confidence.map_or(1.0, |column| column[row]));
            let ends = last && row + 1 == rows;
            self.state
                .desk
                .step(&self.plan, &bar, signal, ends, &mut self.ledger)?;
            let hold = (i8::from(bar.bar == self.plan.first_bar), 1.0);
            self.state
                .benchmark
                .step(&self.benchmark_plan, &bar, hold, ends, &mut self.scratch)?;
            self.state.next_bar += 1;
        }
        self.scratch = Ledger::default();
        if last {
            self.state.ended = true;
            self.check_identity()?;
        }
        Ok(())
    }

    fn accept(
        &self,
        bars: &Bars<'_>,
        signals: &[i8],
        confidence: Option<&[f32]>,
        last: bool,
    ) -> Result<(), Error> {
        let argument = |name, problem: String| Err(Error::Argument { name, problem });
        if self.state.ended {
            return argument("bars", "the run has taken its last bar".into());
        }
        let n = bars.len();
        if last && n == 0 {
            return argument(
                "bars",
                "the last bars are none: ask for a partial result instead".into(),
            );
        }
        bars.check(self.state.desk.previous.map(|row| row.time))?;
        if signals.len() != n || confidence.is_some_and(|column| column.len() != n) {
            return argument(
                "signals",
                format!("signals and confidence need one value for each of the {n} bars"),
            );
        }
        if let Some(row) = signals.iter().position(|signal| !(-1..=1).contains(signal)) {
            return argument(
                "signals",
                format!("row {row}: found {}, expected -1, 0 or 1", signals[row]),
            );
        }
        let outside = |value: &f32| !(value.is_nan() || (0.0..=1.0).contains(value));
        if let Some(row) = confidence.and_then(|column| column.iter().position(outside)) {
            return argument(
                "confidence",
                format!("row {row}: expected 0 to 1, or NaN for undefined"),
            );
        }
        if needs_atr(&self.plan.rules.execution.exits) && bars.atr.is_none() && n > 0 {
            return argument(
                "atr",
                "an exit level is in ATR, but the bars have no atr column".into(),
            );
        }
        Ok(())
    }

    fn row(&self, bars: &Bars<'_>, row: usize) -> Row {
        let half = self.plan.rules.execution.spread.half;
        Row {
            bar: self.state.next_bar as i64,
            time: bars.timestamp[row],
            open: bars.open[row],
            high: bars.high[row],
            low: bars.low[row],
            close: bars.close[row],
            half_spread: bars.half_spread.map_or(half, |column| column[row]),
            atr: bars.atr.map_or(f64::NAN, |column| column[row]),
            rate: bars.conversion_rate.map_or(1.0, |column| column[row]),
        }
    }

    fn check_identity(&self) -> Result<(), Error> {
        let (desk, initial) = (&self.state.desk, self.state.spec.initial_capital);
        let open = desk
            .position
            .as_ref()
            .map_or(0.0, |p| self.open_gross() - p.commission - p.financing);
        let expected = initial + desk.tally.trades().net_total() + open;
        let found = desk.tally.equity();
        let largest = self
            .ledger
            .equity
            .iter()
            .fold(initial, |most, equity| most.max(equity.abs()));
        if (expected - found).abs() <= 1e-9 * largest.max(1.0) {
            return Ok(());
        }
        Err(Error::AccountingIdentity { expected, found })
    }

    fn open_gross(&self) -> f64 {
        let desk = &self.state.desk;
        let multiplier = self.plan.rules.execution.instrument.contract_multiplier;
        let open = |row: Row| {
            desk.account
                .open_gross(desk.position.as_ref(), row.close, multiplier, row.rate)
        };
        desk.previous.map_or(0.0, open)
    }

    /// Every metric, undefined ones with their reason, and the return blocks.
    #[must_use]
    pub fn metrics(&self) -> MetricSet {
        let hold = &self.state.benchmark.tally;
        let held = (
            hold.equity() / self.state.spec.initial_capital - 1.0,
            hold.drawdown().worst(),
        );
        self.state.desk.tally.finish(&Closing {
            timeframe_ns: self.state.spec.timeframe_ns,
            open_gross: self.open_gross(),
            bars_held: Some(&self.ledger.trades.bars_held),
            benchmark: if hold.bars() < 2 {
                Err("too_short")
            } else {
                Ok(held)
            },
        })
    }

    /// What a snapshot must hold.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What has been written down so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn needs_atr(exits: &Exits) -> bool {
    [exits.stop_loss, exits.take_profit, exits.trailing_stop]
        .iter()
        .any(|level| matches!(level, Some(Level::Atr(_))))
}

/// The run's rules for its benchmark: all cash into one position, held.
fn buy_and_hold(rules: &Rules) -> Rules {
    let mut hold = rules.clone();
    hold.execution.fill = FillMode::NextOpen;
    hold.execution.sizing = Sizing::CashFraction(1.0);
    hold.execution.margin.max_leverage = 1.0;
    hold.execution.exits.stop_loss = None;
    hold.execution.exits.take_profit = None;
    hold.execution.exits.trailing_stop = None;
    hold.execution.exits.max_holding_bars = None;
    hold.decisions.confidence_threshold = 0.0;
    hold.decisions.filters.min_signal_separation = 0.0;
    hold
}
