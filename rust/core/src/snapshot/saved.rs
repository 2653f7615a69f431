//! A run with what it takes to save it: hashes of its ledgers and inputs, and its named parts.

use crate::engine::simulation::Simulation;
use crate::error::Error;
use crate::ledger::hash::{self, Chain, Content, Hash, Of, PAGE_ROWS, Signals};
use crate::ledger::tables::Ledger;
use crate::market::bars::Bars;
use crate::rules::Rules;
use crate::snapshot::container::{self, Header, LEDGERS, LedgerMark};
use crate::snapshot::v1::{Parts, SnapshotV1};

/// Rises with every change that can change a result.
pub const SEMANTICS: u16 = 1;

/// A run that can be saved; hashes move on only when that is asked for.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The run.
    pub run: Simulation,
    ledgers: [Chain; LEDGERS.len()],
    bars: Chain,
    signals: Chain,
    parent: Option<Hash>,
}

/// Columns that a run was given, from row `first_row` on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Bars.
    pub bars: Bars<'a>,
    /// Signals and confidences.
    pub signals: Signals<'a>,
    /// Row of the run that is row 0 of the columns.
    pub first_row: u64,
}

impl Saved {
    /// A run that has not been saved yet.
    #[must_use]
    pub fn new(run: Simulation) -> Self {
        let empty = Chain::default();
        Self { run, ledgers: [empty; LEDGERS.len()], bars: empty, signals: empty, parent: None }
    }

    /// Continues from a snapshot and the ledger written with it; also returns the parts it was saved with.
    ///
    /// Other `rules` make it a fork. `bars` hold the run from row 0 on; without them the hashes of the inputs go on
    /// from the snapshot's.
    ///
    /// # Errors
    /// As `snapshot::open`; `IdentityMismatch` for a ledger other than the one it was saved with, or fewer bars than
    /// the run has taken.
    pub fn open(
        blob: &[u8],
        ledger: Ledger,
        rules: Option<Rules>,
        bars: Option<&Bars<'_>>,
    ) -> Result<(Self, Parts), Error> {
        let (header, saved) = container::open::<SnapshotV1>(blob)?;
        if bars.is_some_and(|bars| (bars.len() as u64) < header.bar) {
            return Err(Error::IdentityMismatch { part: "bars".into() });
        }
        let earlier = bars.map(|bars| bars.rows(0, header.bar as usize));
        let not_one = Error::SnapshotInconsistent { what: "not exactly one symbol" };
        let (state, parts) = saved.into_state().ok_or(not_one)?;
        let parent = if rules.is_some() { Some(header.lineage()) } else { part(&parts, "parent") };
        let mut found = Self::new(match rules {
            None => Simulation::resume(state, ledger),
            Some(rules) => Simulation::fork(state, ledger, rules, earlier.as_ref()),
        });
        found.parent = parent;
        let marks = found.marks();
        if let Some((name, _)) = LEDGERS.iter().zip(marks.iter().zip(&header.ledgers)).find(|(_, (a, b))| a != b) {
            return Err(Error::IdentityMismatch { part: format!("ledger {name}") });
        }
        if earlier.is_none() {
            let paged_rows = header.bar / PAGE_ROWS as u64 * PAGE_ROWS as u64;
            let chain = |name| Chain { paged_rows, head: part(&parts, name).unwrap_or_default() };
            (found.bars, found.signals) = (chain("bars_pages"), chain("signals_pages"));
        }
        Ok((found, parts))
    }

    /// Named hashes of everything a run from arrays depends on, as far as it has come.
    ///
    /// # Errors
    /// `IdentityMismatch` for fewer rows than the run has taken.
    pub fn parts(&mut self, inputs: &Inputs<'_>) -> Result<Parts, Error> {
        let first_row = inputs.first_row;
        let rows = (self.run.next_bar() - first_row) as usize;
        if rows > inputs.bars.len().min(inputs.signals.signals.len()) {
            return Err(Error::IdentityMismatch { part: "bars".into() });
        }
        let (bars, signals) = (inputs.bars.rows(0, rows), inputs.signals.first(rows));
        self.bars.advance(&bars, first_row);
        self.signals.advance(&signals, first_row);
        let spec = self.run.spec();
        let named = [
            ("bars", self.bars.tip(&bars, first_row)),
            ("bars_pages", self.bars.head),
            ("signals", self.signals.tip(&signals, first_row)),
            ("signals_pages", self.signals.head),
            ("rules", hashed(&container::encode(self.run.rules())?)),
            ("warm-up", hashed(&spec.warmup_bars.to_le_bytes())),
            ("timeframe", hashed(&spec.timeframe_ns.to_le_bytes())),
            ("capital", hashed(&spec.initial_capital.to_le_bytes())),
            ("symbol", hashed(spec.symbol.as_bytes())),
            ("semantics", hashed(&SEMANTICS.to_le_bytes())),
        ];
        let parent = self.parent.map(|hash| ("parent", hash));
        Ok(named.into_iter().chain(parent).map(|(name, hash)| (name.into(), hash)).collect())
    }

    /// The run as bytes, with the identity that the named hashes make.
    ///
    /// # Errors
    /// As `snapshot::seal`.
    pub fn seal(&mut self, parts: Parts) -> Result<Vec<u8>, Error> {
        let header = Header { identity: hash::identity(&parts), bar: self.run.next_bar(), ledgers: self.marks() };
        container::seal(&header, &SnapshotV1::of(self.run.state(), parts))
    }

    fn marks(&mut self) -> [LedgerMark; LEDGERS.len()] {
        let (symbol, ledger) = (self.run.spec().symbol.as_str(), self.run.ledger());
        let [fills, trades, equity, refused, decisions] = &mut self.ledgers;
        [
            LedgerMark::of(fills, &Of { symbol, table: &ledger.fills }),
            LedgerMark::of(trades, &Of { symbol, table: &ledger.trades }),
            LedgerMark::of(equity, &ledger.equity),
            LedgerMark::of(refused, &ledger.refused),
            LedgerMark::of(decisions, &ledger.decisions),
        ]
    }
}

fn part(parts: &Parts, name: &str) -> Option<Hash> {
    parts.iter().find(|(known, _)| known == name).map(|(_, hash)| *hash)
}

fn hashed(value: &[u8]) -> Hash {
    Content::default().add(value).finish()
}
