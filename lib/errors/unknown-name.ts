/** What to tell whoever has given an option that there is none of: the nearest one, and all of them. */
export function unknownName(given: string, known: Iterable<string>): string {
  const names = [...known];
  const nearest = names.find((name) => isNear(given, name));
  const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return `${given} is no option; allowed is ${names.join(', ')}.${hint}`;
}

/** A slip of the keyboard, another case, or the unit forgotten. */
function isNear(given: string, name: string): boolean {
  const [a, b] = [given.toLowerCase(), name.toLowerCase()];
  return (a.length > 2 && b.startsWith(a)) || editsBetween(a, b) <= Math.min(2, name.length / 3);
}

/** How many letters have to be changed, added or removed to make one of the other. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...a].entries()) {
    const above = row;
    row = [index + 1];
    for (let column = 1; column <= b.length; column++) {
      const changed = above[column - 1]! + (letter === b[column - 1] ? 0 : 1);
      row.push(Math.min(changed, above[column]! + 1, row[column - 1]! + 1));
    }
  }
  return row.at(-1)!;
}
