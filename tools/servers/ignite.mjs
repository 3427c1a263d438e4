// Apache Ignite, from Maven Central, run by a JDK.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asRoot, installCommand } from './apt.mjs';
import { findExecutable } from './executable.mjs';

const folder = fileURLToPath(new URL('./ignite/', import.meta.url));
const downloaded = fileURLToPath(new URL('../../build/ignite', import.meta.url));

/** The packages of the JVM that Ignite reaches into (documentation of Ignite 2.17, "Running on Java 11 or later"). */
const opens = [
  'java.base/jdk.internal.access',
  'java.base/jdk.internal.misc',
  'java.base/sun.nio.ch',
  'java.base/sun.util.calendar',
  'java.management/com.sun.jmx.mbeanserver',
  'jdk.internal.jvmstat/sun.jvmstat.monitor',
  'java.base/sun.reflect.generics.reflectiveObjects',
  'jdk.management/com.sun.management.internal',
  'java.base/java.io',
  'java.base/java.nio',
  'java.base/java.net',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.locks',
  'java.base/java.util.concurrent.atomic',
  'java.base/java.lang',
  'java.base/java.lang.invoke',
  'java.base/java.math',
  'java.sql/java.sql',
  'java.base/java.time',
  'java.base/java.text',
  'java.logging/java.util.logging',
];

/**
 * How to run a node: the JVM and its arguments, up to those of `IgniteNode`. DTX_IGNITE_LIBS names a folder with
 * the jars of Ignite; without it they are those that were downloaded. DTX_IGNITE_LIBS=none hides them.
 * @returns {{ command: string, args: readonly string[] } | undefined}
 */
export function findIgnite() {
  const libs = process.env['DTX_IGNITE_LIBS'] || downloaded;
  const java = findExecutable(['java']);
  if (java === undefined || findExecutable(['javac']) === undefined || !hasIgnite(libs)) {
    return undefined;
  }
  const heap = ['-Xms64m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const quiet = ['-DIGNITE_QUIET=true', '-DIGNITE_NO_ASCII=true', '-DIGNITE_UPDATE_NOTIFIER=false'];
  const modules = opens.map((name) => `--add-opens=${name}=ALL-UNNAMED`);
  const classes = ['-Djava.net.preferIPv4Stack=true', '-cp', join(libs, '*')];
  const args = [...heap, ...quiet, ...modules, ...classes, join(folder, 'IgniteNode.java')];
  return { command: java, args };
}

/** @param {string} libs */
function hasIgnite(libs) {
  return (
    existsSync(libs) && readdirSync(libs).some((name) => /^ignite-core-2\..*\.jar$/.test(name))
  );
}

function install() {
  const missing = [
    ...(findExecutable(['javac']) === undefined ? ['default-jdk-headless'] : []),
    ...(findExecutable(['mvn']) === undefined ? ['maven'] : []),
  ];
  if (missing.length > 0 && !asRoot([...installCommand, ...missing])) return false;
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${downloaded}`];
  const { status } = spawnSync('mvn', ['-q', '-B', '-f', join(folder, 'pom.xml'), ...copy], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return status === 0;
}

/** @type {import('./servers.mjs').ServerKind} */
export const ignite = {
  name: 'Ignite',
  variable: 'DTX_IGNITE_LIBS',
  find: findIgnite,
  install,
};
