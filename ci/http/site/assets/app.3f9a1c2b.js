document.documentElement.dataset.file = 'ran';
