/** Tasks that run when this thread, the main one or a worker, ends; finalizers do not run then. */

type Task = (isLast: boolean) => void;

const tasks: Task[] = [];

function onExit(): void {
  const isLast = process.listeners('exit').at(-1) === onExit;
  tasks.forEach((task) => task(isLast));
}

/** Runs a task at the end, telling it whether no code of the program runs after it. */
export function atExit(task: Task): void {
  if (tasks.length === 0) process.on('exit', onExit);
  tasks.push(task);
}
