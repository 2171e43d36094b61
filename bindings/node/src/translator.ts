/** Conversion of options to structs of C; `generated/options.ts` uses it. */
import { outOfRange, wrongType } from './argument-errors';
import { whole } from './arguments';
import { throwIfFailed } from './errors';
import type { NativeFunction } from './native';

/** For each field of a struct: its option, and the function that checks and converts it. */
type Fields<O, S> = { [F in keyof S]?: readonly [keyof O & string, (name: string, value: unknown) => S[F]] };

/** A function that fills a struct with its defaults and then with the options that are given. `names` are those it knows. */
export function translator<O extends object, S extends { struct_size: number }>(
  init: () => NativeFunction<[Partial<S>, number], number>,
  size: number,
  fields: Fields<O, S>,
) {
  const names = Object.values<readonly [string, unknown]>(fields as Record<string, readonly [string, unknown]>).map(([name]) => name);
  const translate = (options: O): S => {
    const struct: Partial<S> = {};
    throwIfFailed(init()(struct, size));
    for (const field of Object.keys(fields) as (keyof S)[]) {
      const [name, convert] = fields[field]!;
      if (options[name] !== undefined) struct[field] = convert(name, options[name]);
    }
    return struct as S;
  };
  return Object.assign(translate, { names });
}

/** Counts that are at least 1. */
export function indices(name: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw wrongType(`${name} must be an array of numbers`);
  if (value.length === 0) throw outOfRange(`${name} must not be empty; leave it out for all of them`);
  return Array.from(value, (item, position) => whole(`${name}[${position}]`, item));
}

/** The length of an array, which was checked before. */
export function lengthOf(_name: string, value: unknown): number {
  return (value as readonly unknown[]).length;
}

/** A number, or `null` for none. */
export function orNone(check: (name: string, value: unknown) => number, none: number) {
  return (name: string, value: unknown): number => (value === null ? none : check(name, value));
}
