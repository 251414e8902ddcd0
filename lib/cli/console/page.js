// What the page does beyond links and forms: it copies commands, follows a run, and says so to who cannot see it.

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

/** Puts the newest word on what is running in the place of the last, until it has ended. */
const follow = async running => {
  while (running.dataset.running === 'yes') {
    await new Promise(resolve => setTimeout(resolve, EVERY_MS));
    const answer = await fetch(running.dataset.from).catch(() => undefined);
    if (!answer) {
      running.textContent = 'The console in the terminal has ended.';
      return;
    }
    if (answer.redirected || !answer.ok) {
      location.reload();
      return;
    }
    const text = await answer.text();
    const fresh = new DOMParser().parseFromString(text, 'text/html').querySelector('[data-running]');
    if (!fresh) {
      location.reload();
      return;
    }
    // The stop button keeps the focus of who is about to press it.
    const holder = document.activeElement?.closest('form');
    if (holder && running.contains(holder) && fresh.dataset.running === 'yes') {
      for (const name of ['progress', 'output']) {
        const [old, next] = [running.querySelector(name), fresh.querySelector(name)];
        if (old && next) old.replaceWith(next);
      }
      continue;
    }
    running.replaceChildren(...fresh.childNodes);
    running.dataset.running = fresh.dataset.running;
    if (fresh.dataset.running !== 'yes') location.reload();
  }
};

const running = document.querySelector('[data-running="yes"]');
if (running) follow(running);
