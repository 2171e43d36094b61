/** Words for the numbers of C. */

/** The word for a number of C, or `undefined` for 0. */
export function wordOf<T extends string>(table: Readonly<Record<T, number>>, number: number): T | undefined {
  return (Object.keys(table) as T[]).find((word) => table[word] === number);
}
