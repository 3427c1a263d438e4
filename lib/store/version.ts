/**
 * The version of an item: `<t>.<w>`. `t` counts the commits of the item (1, 2, 3 …); `w` is the id
 * of the transaction that wrote it and never occurs twice. So versions are compared for equality
 * only, and an item that was deleted and created again never passes for the old one.
 *
 * An absence has a version too: `0.<w>` where transaction `w` has deleted the item, as long as that is
 * remembered, so that one absence never passes for another one.
 */

/** The version of an item that does not exist, and of which nothing is remembered. */
export const ABSENT_VERSION = '0';

/** Stands for the version of any absence where something must not exist. */
export const ANY_ABSENCE = '0.*';

/** The version of what transaction `writer` has deleted. */
export function absenceBy(writer: string): string {
  return `${ABSENT_VERSION}.${writer}`;
}

export function isAbsence(version: string): boolean {
  return version === ABSENT_VERSION || version.startsWith('0.');
}

/** Whether what was expected is what stands. */
export function isExpected(expected: string, stands: string): boolean {
  return expected === ANY_ABSENCE ? isAbsence(stands) : expected === stands;
}

/** A version as users are told it: one absence is like any other. */
export function toldVersion(version: string): string {
  return isAbsence(version) ? ABSENT_VERSION : version;
}

/** The version that transaction `writer` gives to an item that it saw at `version`. */
export function nextVersion(version: string, writer: string): string {
  return `${Number.parseInt(version, 10) + 1}.${writer}`;
}

/** How many commits the item had seen at this version. */
export function commitCountOf(version: string): number {
  return Number.parseInt(version, 10);
}

/** The id of the transaction that wrote this version; undefined for an absence nobody is known for. */
export function writerOf(version: string): string | undefined {
  const dot = version.indexOf('.');
  return dot < 0 ? undefined : version.slice(dot + 1);
}

/** Whether a text can be the version of an item, or of an absent one. */
export function isVersion(text: unknown): text is string {
  return typeof text === 'string' && /^(?:0|[1-9]\d{0,15}\.[\w-]{1,64})$/.test(text);
}
