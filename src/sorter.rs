//! Sorts more records of a fixed size than memory should hold. When a chunk is full it is written
//! to a temporary file as a sorted run, and the runs are merged at the end. The files have no name,
//! so that nothing is left behind however this ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Bytes that are sorted in memory at a time.
const CHUNK_BYTES: usize = 32 << 20;

/// Bytes read ahead of each run while merging.
const RUN_BUFFER: usize = 64 << 10;

/// Takes records of `N` bytes, ordered bytewise.
pub(crate) struct Sorter<const N: usize> {
    dir: PathBuf,
    most: usize,
    chunk: Vec<[u8; N]>,
    runs: Vec<File>,
}

impl<const N: usize> Sorter<N> {
    /// A sorter that writes its temporary files to this directory.
    pub(crate) fn new(dir: &Path) -> Self {
        Self::with_chunk(dir, CHUNK_BYTES / N)
    }

    fn with_chunk(dir: &Path, most: usize) -> Self {
        Self { dir: dir.to_owned(), most, chunk: Vec::with_capacity(most), runs: Vec::new() }
    }

    /// Takes one record.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn push(&mut self, record: [u8; N]) -> io::Result<()> {
        if self.chunk.len() == self.most {
            self.spill()?;
        }
        self.chunk.push(record);
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.chunk.sort_unstable();
        let mut run = BufWriter::new(nameless(&self.dir)?);
        for record in self.chunk.drain(..) {
            run.write_all(&record)?;
        }
        self.runs.push(run.into_inner()?);
        Ok(())
    }

    /// Passes on every record in order; equal ones follow each other.
    ///
    /// # Errors
    /// Those of the file system and of `take`.
    pub(crate) fn finish(
        mut self,
        mut take: impl FnMut([u8; N]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.chunk.sort_unstable();
        let mut runs = Vec::new();
        let mut heads = BinaryHeap::new();
        for mut file in self.runs {
            file.rewind()?;
            let mut run = BufReader::with_capacity(RUN_BUFFER, file);
            if let Some(record) = next(&mut run)? {
                heads.push(Reverse((record, runs.len())));
            }
            runs.push(run);
        }
        let mut chunk = self.chunk.into_iter().peekable();
        while let Some(mut head) = heads.peek_mut() {
            let Reverse((record, number)) = *head;
            while let Some(earlier) = chunk.next_if(|other| *other <= record) {
                take(earlier)?;
            }
            take(record)?;
            match next(&mut runs[number])? {
                Some(record) => *head = Reverse((record, number)),
                None => drop(PeekMut::pop(head)),
            }
        }
        chunk.try_for_each(take)
    }
}

fn next<const N: usize>(run: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut record = [0; N];
    match run.read_exact(&mut record) {
        Ok(()) => Ok(Some(record)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file that only we can read and that is removed once it is closed.
fn nameless(dir: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.join(format!(".gatepost-{:032x}", rand::random::<u128>()));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_in_order_whether_or_not_they_fit_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        for (count, chunk) in [(0, 10), (1, 1), (10, 10), (11, 10), (1000, 7), (1000, 500)] {
            let mut sorter = Sorter::with_chunk(dir.path(), chunk);
            let mut records: Vec<[u8; 2]> = (0..count).map(|_| rand::random()).collect();
            for record in &records {
                sorter.push(*record).unwrap();
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
            let mut sorted = Vec::new();
            sorter
                .finish(|record| {
                    sorted.push(record);
                    Ok(())
                })
                .unwrap();
            records.sort_unstable();
            assert_eq!(sorted, records, "{count} in chunks of {chunk}");
        }
    }
}
