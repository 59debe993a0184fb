//! The limits of the control group that we are in (cgroups(7)), such as that of a container.

use std::path::Path;

/// Where the system shows the groups.
const ROOT: &str = "/sys/fs/cgroup";

/// The least limit of our group and of those that it is in: the number in the file `name`, or in
/// `old_name` below `controller` where the system has version 1 of control groups. `None` when there is
/// no limit.
pub(crate) fn limit(controller: &str, name: &str, old_name: &str) -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_of(&groups, Path::new(ROOT), controller, name, old_name)
}

fn limit_of(
    groups: &str,
    root: &Path,
    controller: &str,
    name: &str,
    old_name: &str,
) -> Option<u64> {
    let least = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        let (top, file) = match controllers {
            "" => (root.to_owned(), name),
            found if found.split(',').any(|one| one == controller) => {
                (root.join(controller), old_name)
            }
            _ => return None,
        };
        let group = top.join(path);
        // Within a container its own group may be the root that is seen.
        let within = group.ancestors().take_while(|above| above.starts_with(&top));
        let number = |above: &Path| {
            std::fs::read_to_string(above.join(file)).ok()?.trim().parse::<u64>().ok()
        };
        within.filter_map(number).min()
    };
    groups.lines().filter_map(least).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_on_the_way_to_the_root_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let found = |groups: &str| {
            limit_of(groups, root.path(), "memory", "memory.max", "memory.limit_in_bytes")
        };
        assert_eq!(found("0::/a/b\n"), None);
        write("a/b/memory.max", "max\n");
        assert_eq!(found("0::/a/b\n"), None);
        write("a/memory.max", "1000\n");
        assert_eq!(found("0::/a/b\n"), Some(1000));
        write("a/b/memory.max", "2000\n");
        assert_eq!(found("0::/a/b\n"), Some(1000));
        write("a/b/memory.max", "500\n");
        assert_eq!(found("0::/a/b\n"), Some(500));
        assert_eq!(found("0::/\n"), None);
        write("memory.max", "700\n");
        assert_eq!(found("0::/\n"), Some(700));
        write("memory/c/memory.limit_in_bytes", "300\n");
        assert_eq!(found("5:cpu,memory:/c\n4:pids:/c\n0::/x\n"), Some(300));
        assert_eq!(found("none\n"), None);
    }
}
