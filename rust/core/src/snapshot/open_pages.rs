//! The open page of each ledger table, as far as its rows were taken: a later hash of the page needs them.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ledger::hash::{Chain, Hash, LedgerTable};
use crate::ledger::schema::{DecisionCounts, TABLES};
use crate::ledger::tables::Ledger;
use crate::ledger::taken::Taken;
use crate::snapshot::container;

/// The facts about taken rows that are encoded together.
type Facts = (Taken, DecisionCounts, OpenPages);

/// Bytes of the hash before the encoded facts.
const HASH_BYTES: usize = size_of::<Hash>();

/// Rows that were taken since the last full page of each table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenPages {
    /// Hashes of the full pages before the rows.
    pub before: [Chain; TABLES],
    /// Taken rows, in the order of the run.
    pub rows: Ledger,
}

impl OpenPages {
    /// Adds the rows of a ledger that are taken, and drops those of pages that become full.
    ///
    /// `chains` are the hashes of the run's tables, which advance over the full pages.
    pub fn take(&mut self, ledger: &Ledger, symbol: &str, chains: &mut [Chain; TABLES]) {
        self.rows.extend(ledger);
        let mut full = [0; TABLES];
        for (table, columns) in self.rows.tables().into_iter().enumerate() {
            let first_row = self.before[table].paged_rows;
            chains[table].advance(&LedgerTable { symbol, columns }, first_row);
            full[table] = (chains[table].paged_rows - first_row) as usize;
        }
        self.rows.remove_first(full);
        self.before = *chains;
    }

    /// Returns the taken rows of the open pages with those after them.
    pub fn followed_by(&self, ledger: &Ledger) -> Ledger {
        let mut rows = self.rows.clone();
        rows.extend(ledger);
        rows
    }
}

/// Encodes what a run without its taken rows needs of them, after its hash; `decisions` counts those in them.
///
/// # Errors
/// `SnapshotInconsistent` for facts that cannot be encoded.
pub(crate) fn seal(taken: &Taken, decisions: DecisionCounts, pages: &OpenPages) -> Result<Vec<u8>, Error> {
    let facts = container::encode(&(taken, decisions, pages))?;
    Ok([&blake3::hash(&facts).as_bytes()[..], &facts].concat())
}

/// Reads what `seal` has encoded.
///
/// # Errors
/// `SnapshotCorrupt` for changed bytes, `SnapshotInconsistent` for facts that no run leaves.
pub(crate) fn open(bytes: &[u8]) -> Result<Facts, Error> {
    let damaged = Error::SnapshotCorrupt { what: "the hash of the taken rows does not fit" };
    let (hash, facts) = bytes.split_at_checked(HASH_BYTES).ok_or(damaged.clone())?;
    if blake3::hash(facts).as_bytes() != hash {
        return Err(damaged);
    }
    let (taken, decisions, mut pages): Facts = container::decode(facts)?;
    let Ledger { fills, trades, .. } = &mut pages.rows;
    fills.symbol.resize(fills.bar.len(), Default::default());
    trades.symbol.resize(trades.trade_id.len(), Default::default());
    let uneven = Error::SnapshotInconsistent { what: "columns of taken rows differ in length" };
    if pages.rows.uneven_table().is_some() { Err(uneven) } else { Ok((taken, decisions, pages)) }
}

#[cfg(test)]
mod tests {
    use super::{OpenPages, open, seal};
    use crate::ledger::hash::{Chain, LedgerTable, PAGE_ROWS};
    use crate::ledger::schema::TABLES;
    use crate::ledger::tables::Ledger;
    use crate::ledger::tables::tests::zeros;
    use crate::ledger::taken::Taken;

    /// Returns pages and hashes after rows of a curve were taken in parts of these lengths.
    fn taken_in(parts: &[usize]) -> (OpenPages, [Chain; TABLES]) {
        let mut pages = OpenPages::default();
        let mut chains = [Chain::default(); TABLES];
        let mut first = 0;
        for &rows in parts {
            let equity = (first..first + rows).map(|row| row as f64).collect();
            pages.take(&Ledger { equity, ..Ledger::default() }, "X", &mut chains);
            first += rows;
        }
        (pages, chains)
    }

    #[test]
    fn hashes_do_not_depend_on_where_rows_were_taken() {
        let rows = 2 * PAGE_ROWS + 5;
        let whole: Vec<f64> = (0..rows).map(|row| row as f64).collect();
        for parts in [vec![rows], vec![1, PAGE_ROWS - 1, PAGE_ROWS, 5], vec![PAGE_ROWS + 3, 0, PAGE_ROWS + 2]] {
            let (pages, chains) = taken_in(&parts);
            assert_eq!(pages.rows.equity, whole[2 * PAGE_ROWS..]);
            let mut expected = Chain::default();
            let ledger = Ledger { equity: whole.clone(), ..Ledger::default() };
            expected.advance(&LedgerTable { symbol: "X", columns: ledger.tables()[2].clone() }, 0);
            assert_eq!((chains[2], pages.before[2]), (expected, expected));
        }
    }

    #[test]
    fn facts_come_back_as_they_were_and_every_flipped_bit_is_seen() {
        let taken = Taken { rows: [2, 1, 3, 4, 5], peak: 7.5, ..Taken::default() };
        let mut pages = OpenPages::default();
        pages.take(&zeros([2, 1, 3, 4, 5]), "X", &mut [Chain::default(); TABLES]);
        let decisions = [1, 2, 3, 4, 5, 6, 7, 8];
        let bytes = seal(&taken, decisions, &pages).expect("plain data");
        assert_eq!(open(&bytes), Ok((taken, decisions, pages)));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&changed).expect_err("flipped").code(), "snapshot_corrupt", "bit {bit}");
        }
        assert_eq!(open(&bytes[..7]).expect_err("short").code(), "snapshot_corrupt");
    }

    #[test]
    fn columns_of_two_lengths_are_refused() {
        let mut pages = OpenPages::default();
        pages.rows.refused.bar.push(1);
        let bytes = seal(&Taken::default(), [0; 8], &pages).expect("plain data");
        assert_eq!(open(&bytes).expect_err("uneven").code(), "snapshot_inconsistent");
    }
}
