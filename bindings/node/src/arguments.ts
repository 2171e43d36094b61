/**
 * Checks of arguments before they are passed to C: a wrong type is a `TypeError`, a number that C's type cannot hold is a
 * `RangeError`. Whether a value is valid is checked by the library.
 */
import { outOfRange, wrongType, wrongValue } from './argument-errors';

/** A string that C can read up to its NUL. */
export function text(name: string, value: unknown): string {
  const string = anyText(name, value);
  if (string.includes('\0')) throw wrongValue(`${name} contains a NUL character (U+0000); remove it`);
  return string;
}

/** A string that C reads by its length, so that it may hold any character. */
export function anyText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(`${name} must be a string, not ${nameOf(value)}`);
  if (!value.isWellFormed()) {
    throw wrongValue(`${name} contains half of a surrogate pair, which is no text; see String.prototype.toWellFormed()`);
  }
  return value;
}

/** An array of strings that C can read. */
export function texts(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw wrongType(`${name} must be an array of strings, not ${nameOf(value)}`);
  return Array.from(value, (item, index) => text(`${name}[${index}]`, item));
}

/** An array of strings that C reads by their lengths. */
export function anyTexts(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw wrongType(`${name} must be an array of strings, not ${nameOf(value)}`);
  return Array.from(value, (item, index) => anyText(`${name}[${index}]`, item));
}

/** Something that gives values one after the other. A string, which gives its characters, is meant otherwise. */
export function iterable<T>(name: string, value: Iterable<T> | AsyncIterable<T>): Iterable<T> | AsyncIterable<T> {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value || Symbol.asyncIterator in value)) {
    throw wrongType(`${name} must be an iterable of strings, not ${nameOf(value)}`);
  }
  return value;
}

/** A whole number from 0 to `largest`. */
export function whole(name: string, value: unknown, largest: number = Number.MAX_SAFE_INTEGER): number {
  const number = real(name, value);
  if (!Number.isInteger(number) || number < 0 || number > largest) {
    throw outOfRange(`${name} must be a whole number from 0 to ${largest}, not ${number}`);
  }
  return number;
}

/** A whole number of 32 bits. */
export function whole32(name: string, value: unknown): number {
  return whole(name, value, 0xffff_ffff);
}

/** A number. */
export function real(name: string, value: unknown): number {
  if (typeof value !== 'number') throw wrongType(`${name} must be a number, not ${nameOf(value)}`);
  return value;
}

/** A boolean, as C's 0 or 1. */
export function flag(name: string, value: unknown): number {
  if (typeof value !== 'boolean') throw wrongType(`${name} must be true or false, not ${nameOf(value)}`);
  return value ? 1 : 0;
}

/** A word, as the number that stands for it in C. */
export function word(table: Readonly<Record<string, number>>) {
  return (name: string, value: unknown): number => {
    const number = typeof value === 'string' && Object.hasOwn(table, value) ? table[value] : undefined;
    if (number === undefined) {
      const words = Object.keys(table).map((key) => `'${key}'`);
      throw wrongValue(`${name} must be one of ${words.join(', ')}, not ${nameOf(value)}`);
    }
    return number;
  };
}

/** Which of `count` things. */
export function index(name: string, value: unknown, count: number): number {
  const number = whole(name, value);
  if (number >= count) throw outOfRange(`${name} is ${number}, but there are ${count}`);
  return number;
}

/** 32-bit floats. */
export function floats(name: string, value: unknown): Float32Array {
  if (!(value instanceof Float32Array)) throw wrongType(`${name} must be a Float32Array, not ${nameOf(value)}`);
  return value;
}

/** An object. */
export function record<T extends object>(name: string, value: T): T {
  if (typeof value !== 'object' || value === null) throw wrongType(`${name} must be an object, not ${nameOf(value)}`);
  return value;
}

/** Options with these names. One with another name, which may be misspelt, would be ignored in silence. */
export function knownOptions<T extends object>(options: T, ...known: readonly (readonly string[])[]): T {
  const names = known.flat();
  for (const [name, value] of Object.entries(record('options', options))) {
    if (names.includes(name) || value === undefined) continue;
    throw wrongValue(`there is no option ${name}; there are ${[...new Set(names)].sort().join(', ')}`);
  }
  return options;
}

function nameOf(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `an object of class ${value.constructor?.name ?? 'Object'}`;
}
