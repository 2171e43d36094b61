// The ES module: the same classes as those of `require`, so that there is one of each in a process.
export * from './index.js';
