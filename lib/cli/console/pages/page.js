// What the page does beyond links and forms: it copies commands, and follows what is under way.

for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select the text and copy it';
    }
    setTimeout(() => {
      button.textContent = before;
    }, 2000);
  });
}

const EVERY_MS = 500;

/** Tells how far it is, until there is something else to show. */
const follow = async place => {
  const { state } = place.dataset;
  const [bar, words] = [place.querySelector('progress'), place.querySelector('output')];
  while (state !== 'over') {
    await new Promise(resolve => setTimeout(resolve, EVERY_MS));
    const answer = await fetch('/progress').catch(() => undefined);
    if (!answer) {
      place.textContent = 'The console in the terminal has ended.';
      return;
    }
    const now = answer.ok ? await answer.json() : {};
    if (now.state !== state) {
      location.reload();
      return;
    }
    if (bar && words) {
      Object.assign(bar, { max: Math.max(1, now.expected), value: now.done });
      words.textContent = now.words;
    }
  }
};

const place = document.querySelector('[data-state]');
if (place) follow(place);
