/** What a statement does to the transaction it runs in. */
export type ControlText =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'refused' }
  | { readonly kind: 'savepoint' | 'release' | 'rollback-to'; readonly name: string };

const MAY_CONTROL =
  /^(begin|start|commit|end|abort|rollback|savepoint|release|prepare|xa|set|create|alter|drop|truncate|rename|lock|unlock|grant|revoke|analyze|optimize|repair|flush|reset|install|uninstall|import|load)\b/i;

const NAME = '("(?:[^"]|"")+"|`[^`]+`|[\\w$]+)';
const WORK = '(?:\\s+(?:work|transaction|tran))?';
const BEGIN = /^(begin\b(?!\s+(atomic|not\s+atomic)\b)|start\s+transaction\b)/i;
const ROLLBACK_TO = new RegExp(`^rollback${WORK}\\s+to\\s+(?:savepoint\\s+)?${NAME}\\s*$`, 'i');
const SAVEPOINT = new RegExp(`^savepoint\\s+${NAME}\\s*$`, 'i');
const RELEASE = new RegExp(`^release\\s+(?:savepoint\\s+)?${NAME}\\s*$`, 'i');
const COMMIT = new RegExp(
  `^(commit|end)${WORK}(\\s+and\\s+no\\s+chain)?(\\s+no\\s+release)?\\s*$`,
  'i',
);
const ROLLBACK = new RegExp(
  `^(rollback|abort)${WORK}(\\s+and\\s+no\\s+chain)?(\\s+no\\s+release)?\\s*$`,
  'i',
);
const OTHER_CONTROL =
  /^((commit|rollback|end|abort|release|savepoint)\b|prepare\s+transaction\b|xa\s)/i;

const IMPLICIT_COMMIT =
  /^(create|alter|drop|truncate|rename|grant|revoke|lock\s+tables?|unlock\s+tables|analyze\s+(\w+\s+)?table|optimize|repair|flush|reset|install|uninstall|import|load\s+index|set\s+(@@)?(session\s+|local\s+|(session|local)\.)?autocommit|set\s+password)\b/i;
const TEMPORARY = /^(create|drop)\s+(or\s+replace\s+)?temporary\s+table\b/i;

/** What the text does to its transaction; undefined for any other statement. Several at once are refused if one does. */
export function controlOf(text: string): ControlText | undefined {
  const first = withoutComments(text);
  if (!first.includes(';') && !MAY_CONTROL.test(first)) return undefined;
  const statements = splitStatements(first);
  if (statements.length === 1) return controlOfOne(statements[0]!);
  return statements.some((one) => controlOfOne(one) !== undefined)
    ? { kind: 'refused' }
    : undefined;
}

/** Whether MySQL commits before it, without being asked. */
export function commitsImplicitly(text: string): boolean {
  const first = withoutComments(text);
  if (!first.includes(';') && !MAY_CONTROL.test(first)) return false;
  return splitStatements(first).some((one) => IMPLICIT_COMMIT.test(one) && !TEMPORARY.test(one));
}

/** Whether it changes the settings of the session beyond its transaction. */
export function changesSession(text: string): boolean {
  return /^(set\s+(?!local\b|transaction\b|constraints\b)|listen\b|declare\b.*\bwith\s+hold\b)/is.test(
    withoutComments(text),
  );
}

function controlOfOne(text: string): ControlText | undefined {
  if (BEGIN.test(text)) return { kind: 'begin' };
  for (const [kind, pattern] of [
    ['rollback-to', ROLLBACK_TO],
    ['savepoint', SAVEPOINT],
    ['release', RELEASE],
  ] as const) {
    const name = pattern.exec(text)?.[1];
    if (name !== undefined) return { kind, name: unquoted(name) };
  }
  if (COMMIT.test(text)) return { kind: 'commit' };
  if (ROLLBACK.test(text)) return { kind: 'rollback' };
  return OTHER_CONTROL.test(text) ? { kind: 'refused' } : undefined;
}

function unquoted(name: string): string {
  return /^["`]/.test(name) ? name.slice(1, -1) : name.toLowerCase();
}

/** Without what stands before its first word. Those of MySQL that are run (`/*!`) count as text. */
function withoutComments(text: string): string {
  const comments = /^(?:\s+|;|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\/\*(?!!)[\s\S]*?\*\/)+/;
  const rest = text.replace(comments, '');
  const run = /^\/\*!\d*\s*/.exec(rest);
  return run === null ? rest : rest.slice(run[0].length).replace('*/', ' ');
}

/** Texts, identifiers and comments are skipped, so that a semicolon in them separates nothing. */
const PIECE =
  /'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"]|"")*"|`[^`]*`|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|;/g;

function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let start = 0;
  for (const { 0: piece, index } of text.matchAll(PIECE)) {
    if (piece !== ';') continue;
    statements.push(text.slice(start, index));
    start = index + 1;
  }
  statements.push(text.slice(start));
  const found = statements.map((one) => withoutComments(one).trim()).filter((one) => one !== '');
  return found.length === 0 ? [''] : found;
}
