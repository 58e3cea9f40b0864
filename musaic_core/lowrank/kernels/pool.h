/* A pool of threads that share out numbered tasks.
 *
 * The caller works too, and waits only for tasks that a worker has begun: where the
 * machine is busy with something else and a worker gets no time, the caller does its
 * share. One run uses the pool at a time; a second caller works on its own thread.
 * Each thread has a part of the tasks to begin with, the same in every run, so that it
 * finds what it reads in its own cache, and then helps with the others' parts.
 * Workers look for work for a moment before they sleep, which spans the gap between
 * two updates. They are made again after a fork. Tasks are the same whatever the
 * number of threads, and so are the numbers.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MOST_THREADS 256
#define PATIENCE 20000 /* looks for work before sleep: some 100 microseconds */

typedef void task_function(void *context, ptrdiff_t task, int worker);

static struct {
    pthread_mutex_t in_use, sleep;
    pthread_cond_t wake;
    int workers;              /* threads that were made */
    task_function *function;  /* the run's */
    void *context;
    int threads;              /* that may take part, the caller among them */
    struct {
        _Alignas(64) atomic_ptrdiff_t next; /* the task to take */
        ptrdiff_t end;
    } part[MOST_THREADS];
    atomic_int open, active;  /* tasks are to be had; workers that look for them */
    atomic_uint run;          /* counts runs */
    atomic_int sleepers;
} pool = {.in_use = PTHREAD_MUTEX_INITIALIZER,
          .sleep = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER};

static atomic_int thread_limit;

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Subnormal numbers count as zero in the kernels: they cost a hundred cycles each,
 * and a factor's entries pass through them on their way to zero. */
static unsigned long flush_subnormals(void)
{
    unsigned long state = 0;
#if defined(__x86_64__)
    state = _mm_getcsr();
    _mm_setcsr((unsigned)state | 0x8040);
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    __asm__ volatile("msr fpcr, %0" : : "r"(state | 1ul << 24));
#endif
    return state;
}

static void restore_subnormals(unsigned long state)
{
#if defined(__x86_64__)
    _mm_setcsr((unsigned)state);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(state));
#endif
    (void)state;
}

static void take_tasks(int worker)
{
    unsigned long state = flush_subnormals();
    ptrdiff_t task;
    for (int i = 0; i < pool.threads; i++) {
        const int part = (worker + i) % pool.threads;
        while ((task = atomic_fetch_add(&pool.part[part].next, 1)) < pool.part[part].end)
            pool.function(pool.context, task, worker);
    }
    restore_subnormals(state);
}

static void *work(void *number)
{
    const int worker = (int)(intptr_t)number;
    unsigned seen = 0;
    for (;;) {
        for (int look = 0; look < PATIENCE && atomic_load(&pool.run) == seen; look++)
            relax();
        if (atomic_load(&pool.run) == seen) {
            pthread_mutex_lock(&pool.sleep);
            atomic_fetch_add(&pool.sleepers, 1);
            while (atomic_load(&pool.run) == seen)
                pthread_cond_wait(&pool.wake, &pool.sleep);
            atomic_fetch_sub(&pool.sleepers, 1);
            pthread_mutex_unlock(&pool.sleep);
        }
        seen = atomic_load(&pool.run);
        /* who counts as active is waited for, and then sees whether it is too late */
        atomic_fetch_add(&pool.active, 1);
        if (atomic_load(&pool.open) && worker < pool.threads)
            take_tasks(worker);
        atomic_fetch_sub(&pool.active, 1);
    }
    return NULL;
}

static void make_workers(int wanted)
{
    pthread_attr_t detached;
    pthread_t thread;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (pool.workers < wanted &&
           !pthread_create(&thread, &detached, work, (void *)(intptr_t)(pool.workers + 1)))
        pool.workers++;
    pthread_attr_destroy(&detached);
}

/* function(context, task, worker) for each task; worker < threads tells buffers apart */
static void run_tasks(task_function *function, void *context, ptrdiff_t tasks,
                      int threads)
{
    if (threads > tasks)
        threads = (int)tasks;
    if (threads <= 1 || pthread_mutex_trylock(&pool.in_use)) {
        unsigned long state = flush_subnormals();
        for (ptrdiff_t task = 0; task < tasks; task++)
            function(context, task, 0);
        restore_subnormals(state);
        return;
    }
    make_workers(threads - 1);
    pool.function = function;
    pool.context = context;
    pool.threads = threads;
    for (int i = 0; i < threads; i++) {
        atomic_store(&pool.part[i].next, tasks * i / threads);
        pool.part[i].end = tasks * (i + 1) / threads;
    }
    atomic_store(&pool.open, 1);
    atomic_fetch_add(&pool.run, 1);
    if (atomic_load(&pool.sleepers)) {
        pthread_mutex_lock(&pool.sleep);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.sleep);
    }
    take_tasks(0);
    atomic_store(&pool.open, 0);
    for (int look = 0; atomic_load(&pool.active); look++)
        look < PATIENCE ? relax() : (void)sched_yield();
    pthread_mutex_unlock(&pool.in_use);
}

/* Threads worth their start for that many multiplications. */
static int threads_for(double work)
{
    int limit = atomic_load(&thread_limit), most = 1 + (int)(work / 2e5 < 1e3 ? work / 2e5 : 1e3);
    return limit < most ? limit : most;
}

static void forget_workers(void)
{
    pthread_mutex_init(&pool.in_use, NULL);
    pthread_mutex_init(&pool.sleep, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pool.workers = 0;
    atomic_store(&pool.open, 0);
    atomic_store(&pool.active, 0);
    atomic_store(&pool.sleepers, 0);
}

static void start_pool(void)
{
    const char *variable = getenv("OMP_NUM_THREADS");
    long threads = variable ? strtol(variable, NULL, 10) : 0;
#ifdef __linux__
    cpu_set_t mine;
    if (threads < 1 && !sched_getaffinity(0, sizeof mine, &mine))
        threads = CPU_COUNT(&mine);
#endif
    if (threads < 1)
        threads = sysconf(_SC_NPROCESSORS_ONLN);
    atomic_store(&thread_limit, threads < 1              ? 1
                                : threads > MOST_THREADS ? MOST_THREADS
                                                         : (int)threads);
    pthread_atfork(NULL, NULL, forget_workers);
}
