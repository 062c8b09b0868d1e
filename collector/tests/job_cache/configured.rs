//! Where the configuration says that the job cache is: ours over the master's over Salt's defaults.
//! No cache is read.

use std::fs;
use std::path::PathBuf;

use pillarbox_collector::config::{Config, NoJobCache};
use pillarbox_collector::job_cache::{HashType, JobCache};

use crate::Cache;

/// The configuration with a master's file, and with more in our own `salt` section.
fn read(master: &str, ours: &str) -> Result<Result<JobCache, NoJobCache>, String> {
    let dir = Cache::new();
    let (file, config) = (dir.root().join("master"), dir.root().join("collector.yaml"));
    fs::write(&file, master).unwrap();
    let text = format!(
        "salt: {{config: {}{ours}}}\nnats: {{url: nats://a}}\n",
        file.display()
    );
    fs::write(&config, text).unwrap();
    let config = Config::read(&config, "salt1").map_err(|mistakes| mistakes.to_string());
    config.map(|config| config.job_cache)
}

#[test]
fn ours_wins_over_the_masters_over_salts() {
    let check = |master: &str, ours: &str, dir: &str, hash: HashType| {
        let dir = PathBuf::from(dir);
        assert_eq!(
            read(master, ours).unwrap(),
            Ok(JobCache { dir, hash }),
            "{master}"
        );
    };
    check("id: a\n", "", "/var/cache/salt/master", HashType::Sha256);
    check("cachedir: /c\nhash_type: md5\n", "", "/c", HashType::Md5);
    check(
        "cachedir: /c\nhash_type: md5\n",
        ", cachedir: /d, hash_type: sha512",
        "/d",
        HashType::Sha512,
    );
    check(
        "root_dir: /lab\n",
        "",
        "/lab/var/cache/salt/master",
        HashType::Sha256,
    );
    check(
        "root_dir: /lab\ncachedir: cache\n",
        "",
        "/lab/cache",
        HashType::Sha256,
    );
    check(
        "job_cache: True\nmaster_job_cache: local_cache\next_job_cache: ''\n",
        "",
        "/var/cache/salt/master",
        HashType::Sha256,
    );
    check(
        "hash_type: blake2b\n",
        ", hash_type: sha1",
        "/var/cache/salt/master",
        HashType::Sha1,
    );
}

#[test]
fn a_master_without_files_is_said() {
    let check =
        |master: &str, expect: NoJobCache| assert_eq!(read(master, "").unwrap(), Err(expect));
    check("job_cache: False\n", NoJobCache::Off);
    check("job_cache: no\n", NoJobCache::Off);
    check(
        "ext_job_cache: redis\n",
        NoJobCache::External("redis".into()),
    );
    check(
        "master_job_cache: mysql\n",
        NoJobCache::Elsewhere("mysql".into()),
    );
    check("hash_type: blake2b\n", NoJobCache::Hash("blake2b".into()));
}

#[test]
fn a_hash_that_salt_does_not_know_is_a_mistake_in_our_file() {
    let mistakes = read("id: a\n", ", hash_type: sha3").unwrap_err();
    let expect = "`sha3` is no choice for `hash_type`; did you mean `sha1`?";
    assert!(mistakes.ends_with(expect), "{mistakes}");
}
