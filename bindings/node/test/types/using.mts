// What compilers from TypeScript 5.2 on accept: `using` closes what the library opens.
import { Chat, Interpretation } from '@eidos/eidos';

{
  using opened = await Interpretation.open('meaning.json');
  await using chat = await Chat.open({ model: 'gpt-4.1-mini', requestBudget: 100 });
  console.log(opened.closed, chat.spent);
}
