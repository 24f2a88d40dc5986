async function wait(url) { try { const answer = await fetch(url); return await answer.json(); } catch (error) { return 'no answer from ' + url; } }
const arrow = async (x) => { await null; return x; };
wait('local').then(print);
