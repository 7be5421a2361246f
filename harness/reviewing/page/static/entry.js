/* The session's second half -> the storage of this address, which no other port can read; then the page. */

const { key } = document.body.dataset;
if (key) localStorage.setItem("review/key", key);
location.replace("/");
