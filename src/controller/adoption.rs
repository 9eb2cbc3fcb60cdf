//! Which Compose projects were taken over: one small file for each in the data folder. Not in the database, because
//! losing that must not turn what is looked after into strangers.

use std::fs;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use crate::core::model::SourceName;
use crate::core::model::StackName;
use crate::core::observed::Adoption;

/// The records of one source.
#[derive(Debug, Clone)]
pub struct Adoptions {
    folder: PathBuf,
}

impl Adoptions {
    /// Returns the records of a source below a data folder.
    pub fn new(data_dir: &Path, source: &SourceName) -> Self {
        Self { folder: data_dir.join("adopted").join(source.as_str()) }
    }

    /// Returns what a stack has taken over, if anything.
    ///
    /// # Errors
    /// Fails if there is a record and it cannot be read; the text says what to do.
    pub fn get(&self, stack: &StackName) -> Result<Option<Adoption>, String> {
        let path = self.path(stack);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            format!("{} is no record of an adoption: {error}; run `evenkeel adopt` again", path.display())
        })
    }

    /// Records what a stack takes over, in one step.
    ///
    /// # Errors
    /// Fails if the file cannot be written. Then the record is as it was.
    pub fn put(&self, stack: &StackName, adoption: &Adoption) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(adoption).map_err(io::Error::other)?;
        text.push(b'\n');
        fs::create_dir_all(&self.folder)?;
        let unfinished = self.folder.join(format!(".{stack}.new"));
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.path(stack))
    }

    /// Forgets a stack that is gone.
    ///
    /// # Errors
    /// Fails if the file cannot be removed; not if there is none.
    pub fn remove(&self, stack: &StackName) -> io::Result<()> {
        match fs::remove_file(self.path(stack)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the stacks that have taken something over.
    pub fn stacks(&self) -> Vec<StackName> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut stacks: Vec<StackName> =
            names.filter_map(|name| StackName::new(name.strip_suffix(".json")?).ok()).collect();
        stacks.sort();
        stacks
    }

    fn path(&self, stack: &StackName) -> PathBuf {
        self.folder.join(format!("{stack}.json"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_record_is_found_again_and_a_broken_one_is_no_stranger() {
        let folder = tempfile::tempdir().expect("a folder");
        let records = Adoptions::new(folder.path(), &SourceName::new("lab").expect("a name"));
        let stack = StackName::new("home").expect("a name");
        assert_eq!((records.get(&stack), records.stacks()), (Ok(None), vec![]));
        let adoption = Adoption {
            project: "home".into(),
            working_dir: "/opt/home".into(),
            compose_version: "2.40.3".into(),
            digests: BTreeMap::new(),
        };
        records.put(&stack, &adoption).expect("written");
        assert_eq!((records.get(&stack), records.stacks()), (Ok(Some(adoption)), vec![stack.clone()]));
        fs::write(records.path(&stack), "{").expect("written");
        assert!(records.get(&stack).expect_err("broken").contains("run `evenkeel adopt` again"));
        records.remove(&stack).expect("removed");
        records.remove(&stack).expect("nothing to remove is fine");
        assert_eq!(records.get(&stack), Ok(None));
    }
}
